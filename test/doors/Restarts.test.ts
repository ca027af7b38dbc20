/** A short run of test/doors/restarts.ts, at the plain door; the long one is a program of its own. */
import { it } from "vitest"
import { expectNothingLost } from "./restartScene.js"

it(
  "no request is lost when a server with an inherited socket is restarted: plain",
  { timeout: 60_000 },
  () => expectNothingLost("plain")
)
