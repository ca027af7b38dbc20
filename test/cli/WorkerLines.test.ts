/** The lines about workers have the number of their nouns. */
import { expect, it } from "vitest"
import { requestsReached } from "../../src/cli/workerLines.js"

it.each([
  [1, 1, "1 request, with --max-requests 1"],
  [2, 2, "2 requests, with --max-requests 2"],
  [1050, 1000, "1,050 requests, with --max-requests 1,000"]
])("%i with --max-requests %i: %s", (requests, maxRequests, line) => {
  const recycling = { hangTimeout: 0, maxRequests, maxAge: 0, maxMemory: 0, jitter: 0 }
  expect(requestsReached(requests, recycling)).toBe(line)
})
