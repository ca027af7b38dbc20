/**
 * Refuses values that are not applications, with a remedy.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { checkOption } from "../server/checkOptions.js"
import { isClass } from "../server/guards.js"
import { kindOf } from "../server/OptionNames.js"

/**
 * Throws an `OptionError` for a value that is not an application. `listener` is the other argument, from which the error tells
 * whether the two were swapped.
 *
 * @since 0.2.0
 * @category constructors
 */
export const checkApp = (app: unknown, listener?: unknown): void =>
  checkOption("app", app, {
    expected: "a function (env, startResponse)",
    accepts: (given) => typeof given === "function" && !isClass(given) && !listens(given),
    explain: (given) =>
      `must be a function (env, startResponse), not ${kindOf(given)}${
        typeof given === "function" && listens(given) ? " that is an app of Express" : ""
      }${remedyFor(given, listener)}`
  })

// an app of Express, Fastify or Koa
const listens = (given: unknown): boolean =>
  Predicate.hasProperty(given, "listen") && Predicate.isFunction(given.listen)

const remedyFor = (app: unknown, listener: unknown): string => {
  if (Predicate.isFunction(listener)) return "; the listener comes first: server(listen(), app)"
  if (Predicate.hasProperty(app, "fetch")) return "; for one that has fetch, give fetchApp(app.fetch)"
  if (listens(app)) return "; one that listens itself needs node:http, see src/wsgi/MIGRATING.md of the package"
  if (Predicate.hasProperty(app, "default")) return "; for a module, give its default export"
  if (Predicate.isPromiseLike(app)) return "; await it"
  return ""
}
