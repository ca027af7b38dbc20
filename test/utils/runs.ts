/** The number of examples with which a property is tried. `RUNS=20 npm test` tries twenty times as many. */
export const runs = (usual: number): { readonly numRuns: number } => ({
  numRuns: usual * Number(process.env.RUNS ?? 1)
})

/**
 * With RUNS above 1, as in `npm run test:long`, every listener and every kind of app is tried, of which a short run has some.
 */
export const thorough = runs(1).numRuns > 1
