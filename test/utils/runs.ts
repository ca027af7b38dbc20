/** How many examples a property is tried with: `RUNS=20 npm test` tries twenty times as many. */
export const runs = (usual: number): { readonly numRuns: number } => ({
  numRuns: usual * Number(process.env.RUNS ?? 1)
})

/**
 * With RUNS above 1, as in `npm run test:long`, also what a short run leaves to its like is tried: every listener, every kind
 * of app.
 */
export const thorough = runs(1).numRuns > 1
