/** Restarts a server with an inherited socket once under load: no request is lost. */
import { expect } from "vitest"
import { program } from "../utils/made.js"
import { type Door, restartUnderLoad } from "./restarts.js"

export const expectNothingLost = async (door: Door): Promise<void> => {
  const { answered, lost } = await restartUnderLoad(await program("doors/restarted"), {
    restarts: 1,
    requests: 500,
    settle: 600,
    door
  })
  expect(Object.fromEntries(lost)).toEqual({})
  for (const count of Object.values(answered)) expect(count).toBeGreaterThan(0)
}
