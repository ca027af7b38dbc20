/** The exports of `tsgi`: functions, and errors to tell apart, but nothing that only the engine could construct. */
import * as tsgi from "tsgi"
import { expect, it } from "vitest"

it("`tsgi` has these values, and types beside", () => {
  expect(Object.keys(tsgi).sort()).toEqual([
    "BindError",
    "BodyError",
    "InterimError",
    "OptionError",
    "RequestError",
    "ResponseError",
    "TransportError",
    "WriteError",
    "activatedSockets",
    "applicationMetrics",
    "bind",
    "fetchApp",
    "handleSignals",
    "listen",
    "server",
    "sumMetrics",
    "withoutActivation",
    "wrapTls"
  ])
})
