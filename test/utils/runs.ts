/** How many examples a property is tried with: `RUNS=20 npm test` tries twenty times as many. */
export const runs = (usual: number): { readonly numRuns: number } => ({
  numRuns: usual * Number(process.env.RUNS ?? 1)
})
