/** A short run of test/doors/restarts.ts, at both doors; the long one is a program of its own. */
import { expect, it } from "vitest"
import { program } from "../utils/made.js"
import { restartUnderLoad } from "./restarts.js"

it.each(["plain", "effect"] as const)(
  "no request is lost when a server with an inherited socket is restarted: %s",
  { timeout: 60_000 },
  async (door) => {
    const { answered, lost } = await restartUnderLoad(await program("doors/restarted"), {
      restarts: 1,
      requests: 500,
      settle: 600,
      door
    })
    expect(Object.fromEntries(lost)).toEqual({})
    for (const count of Object.values(answered)) expect(count).toBeGreaterThan(0)
  }
)
