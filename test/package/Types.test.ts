/** What the compiler accepts at the plain door, what it refuses, and how long its messages are. */
import { beforeAll, describe, expect, it } from "vitest"
import { compileAll, errorsIn } from "../utils/typing.js"

const prelude = `
import { type App, type Environ, fetchApp, type HeaderPairs, listen, type PostHookEntry, server, type StartResponse } from "tsgi"
declare const env: Environ
declare const startResponse: StartResponse
declare const hook: (env: Environ, arg1: string, arg2: string, kwargs: { kwarg3: number; kwarg4: number }) => void
declare const two: (env: Environ, arg1: string, arg2: number) => void
const hooks = env["eventlet.posthooks"]
`
const preludeLines = prelude.split("\n").length - 1

const taken: Readonly<Record<string, string>> = {
  "a hook with all its arguments": `hooks.push([hook, ["arg1", "arg2"], { kwarg3: 3, kwarg4: 4 }])`,
  "named arguments among the others": `hooks.push([hook, ["arg1", "arg2", { kwarg3: 3, kwarg4: 4 }]])`,
  "a detached hook": `hooks.push([hook, ["arg1", "arg2"], { kwarg3: 3, kwarg4: 4 }, { detached: true }])`,
  "a detached hook without arguments": `hooks.push([({ PATH_INFO }) => PATH_INFO, [], undefined, { detached: true }])`,
  "a function, whose parameter is known": `hooks.push((env) => env.PATH_INFO.length)`,
  "an async function": `hooks.push(async ({ "tsgi.outcome": outcome }) => outcome?._tag)`,
  "several hooks": `hooks.push((env) => env.PATH_INFO, [(env) => env.PATH_INFO])`,
  "a hook whose environ is not annotated": `hooks.push([(env, name: string) => env.PATH_INFO + name, ["third"]])`,
  "a hook with named arguments alone":
    `hooks.push([(_: Environ, kwargs: { a?: number }) => kwargs.a, undefined, { a: 1 }])`,
  "a hook that takes anything": `hooks.push([(...given: ReadonlyArray<unknown>) => given, ["arg1"], { kwarg1: 1 }])`,
  "a hook of its type": `const entry: PostHookEntry = [() => 1]; hooks.push(entry)`,
  "another list": `env["eventlet.posthooks"] = [() => 1, [hook, ["arg1", "arg2"]]]`,
  "a part of the list": `env["eventlet.posthooks"] = hooks.filter(([, args]) => args?.[0] === "b")`,
  "pairs": `startResponse("200 OK", [["Content-Type", "text/plain"]])`,
  "pairs that were made before": `const pairs: HeaderPairs = [["A", "b"]]; startResponse("200 OK", pairs)`,
  "a map": `startResponse("200 OK", new Map([["Content-Type", "text/plain"]]))`,
  "headers": `startResponse("200 OK", new Headers())`,
  "entries": `startResponse("200 OK", Object.entries({ "Content-Type": "text/plain" }))`,
  "a key of the application": `env["my.user"] = { name: "Ada" }; const user: unknown = env["my.user"]`,
  "a field": `env.HTTP_X_TENANT?.toUpperCase()`,
  "a field that is set": `env.HTTP_X_TENANT = "tenant"`,
  "a port from the environment": `listen(process.env.PORT ?? 8090); listen({ port: process.env.PORT })`
}

const refused: Readonly<Record<string, readonly [program: string, ...errors: ReadonlyArray<RegExp>]>> = {
  "a field that may be absent": [`env.HTTP_X_TENANT.toUpperCase()`, /^'env\.HTTP_X_TENANT' is possibly 'undefined'\.$/],
  "a key that is misspelt": [`env.PATHINFO`, /^Property 'PATHINFO' does not exist .* Did you mean 'PATH_INFO'\?$/],
  "a hook without its arguments": [`hooks.push([hook])`, /too few arguments/],
  "a function that wants arguments": [`hooks.push(hook)`, /too few arguments/],
  "too few arguments": [`hooks.push([two, ["a"]])`, /^(?:.*\n)*.*Source has 1 element\(s\) but target requires 2\.$/],
  "too many arguments": [`hooks.push([two, ["a", 1, 2]])`, /Source has 3 element\(s\) but target allows only 2\.$/],
  "an argument of another type, and no named ones": [
    `hooks.push([two, ["a", "b"]])`,
    /^(?:.*\n){2}.*Type 'string' is not assignable to type 'number'\.$/
  ],
  "too few arguments beside named ones": [`hooks.push([hook, ["arg1"]])`, /No overload matches/],
  "a text for arguments": [`hooks.push([hook, "arg1"])`, /Type 'string' is not assignable/],
  "an argument of another type": [
    `hooks.push([hook, ["arg1", 2], { kwarg3: 3, kwarg4: 4 }])`,
    /Type 'number' is not assignable to type 'string'/
  ],
  "named arguments that lack one": [`hooks.push([hook, ["arg1", "arg2"], { kwarg3: 3 }])`, /'kwarg4' is missing/],
  "an option that there is not": [
    `hooks.push([hook, ["arg1", "arg2"], { kwarg3: 3, kwarg4: 4 }, { detach: true }])`,
    /Did you mean to write 'detached'\?/
  ],
  "a number as a field's value": [
    `startResponse("200 OK", [["Content-Length", 5]])`,
    /^Type 'number' is not assignable to type 'string'\.$/
  ],
  "a field without a value": [
    `startResponse("200 OK", [["A", "b"], ["C"]])`,
    /^Type '\[string\]' is not .*\n.* requires 2\.$/
  ],
  "fields as an object": [`startResponse("200 OK", { A: "b" })`, /^.* 'A' does not exist in type 'HeaderPairs'\.$/],
  "fields as lines": [`startResponse("200 OK", ["A: b"])`, /^Type 'string' is not assignable to type 'HeaderPair'\.$/],
  "pairs that may be of any length": [
    `const pairs = [["A", "b"]]; startResponse("200 OK", pairs)`,
    /^(?:.*\n){1,3}.*Target requires 2 element\(s\) but source may have fewer\.$/
  ],
  "a second argument of listen": [`listen(8090, "0.0.0.0")`, /Expected 0-1 arguments, but got 2/],
  "a handler that answers with text": [`fetchApp(() => "text")`, /Type 'string' is not assignable to type 'Response/],
  "the object that has the handler": [`fetchApp({ fetch: () => new Response("") })`, /'fetch' does not exist in type/],
  "an app that answers with a Response": [
    `server(listen(), () => new Response(""))`,
    /Type 'Response' is not assignable/
  ]
}

describe("the compiler", () => {
  const programs = [...Object.entries(taken), ...Object.entries(refused).map(([name, [text]]) => [name, text] as const)]
  const fileOf = (name: string): string => `${name.replaceAll(/\W+/g, "-")}.ts`
  let errors: (name: string) => ReadonlyArray<string>

  beforeAll(async () => {
    const program = await compileAll(
      Object.fromEntries(programs.map(([name, text]) => [fileOf(name), `${prelude}${text}\n`]))
    )
    errors = (name) => errorsIn(program, fileOf(name))
  })

  it.each(Object.keys(taken))("takes %s", (name) => expect(errors(name)).toEqual([]))

  it.each(Object.entries(refused))("refuses %s", (name, [, ...expected]) => {
    const said = errors(name)
    expect(said.map((text) => text.replace(/ [^]*$/, ""))).toEqual(
      expected.map(() => `${fileOf(name)}:${preludeLines + 1}`)
    )
    for (const [i, pattern] of expected.entries()) expect(said[i].replace(/^\S+ /, "")).toMatch(pattern)
  })

  it("needs few words for a pair that is none", () => {
    for (const name of ["a number as a field's value", "a field without a value", "fields as lines"]) {
      expect(errors(name).join("\n").split("\n").length).toBeLessThanOrEqual(2)
    }
  })
})
