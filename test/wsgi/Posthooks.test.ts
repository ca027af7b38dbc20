/** A10: post hooks. */
import type { App, Environ } from "tsgi"
import { expect, it } from "vitest"
import { get } from "../utils/requests.js"
import { plain, withServer } from "../utils/serving.js"

it("test_029_posthooks", async () => {
  let multiplied = 0
  let divided = 0
  const multiply = (env: Environ, value: number, { multiplier = 1 }: { readonly multiplier?: number } = {}): void => {
    expect(env["local.test"]).toBe("kept")
    multiplied += value * multiplier
  }
  const divide = (env: Environ, value: number, { divisor = 1 }: { readonly divisor?: number } = {}): void => {
    expect(env["local.test"]).toBe("kept")
    divided += value / divisor
  }
  const app: App = (env, startResponse) => {
    env["local.test"] = "kept"
    const hooks = env["eventlet.posthooks"]
    if (env.PATH_INFO === "/one") hooks.push([multiply, [2], { multiplier: 3 }])
    else {
      hooks.push([multiply, [4], { multiplier: 5 }])
      hooks.push([divide, [100], { divisor: 4 }])
      hooks.push([divide, [1]])
    }
    startResponse("200 OK", plain)
    return [""].values()
  }
  await withServer(app, {}, async ({ ask, log }) => {
    expect((await ask(get("/one"))).status).toBe(200)
    await log.until(/GET \/one/)
    expect([multiplied, divided]).toEqual([6, 0])
    expect((await ask(get("/two"))).status).toBe(200)
    await log.until(/GET \/two/)
    expect([multiplied, divided]).toEqual([26, 26])
    expect(log.text).not.toContain("failed")
  })
})
