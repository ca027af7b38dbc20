/** A short run of test/doors/restarts.ts, at the Effect door. */
import { it } from "vitest"
import { expectNothingLost } from "./restartScene.js"

it(
  "no request is lost when a server with an inherited socket is restarted: effect",
  { timeout: 60_000 },
  () => expectNothingLost("effect")
)
