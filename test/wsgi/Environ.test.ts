/** A4: what the application is told. */
import type { App } from "tsgi"
import { describe, expect, it } from "vitest"
import { get } from "../utils/requests.js"
import { hello, withServer } from "../utils/serving.js"

/** Answers with what a function makes of the environ, a character a byte. */
const tell = (of: (env: Parameters<App>[0]) => string): App => (env, startResponse) => {
  startResponse("200 OK", [])
  return Buffer.from(of(env), "latin1")
}

const headerKeys = tell((env) =>
  Object.keys(env).filter((key) => key.startsWith("HTTP_")).sort().map((key) =>
    `${key}: ${String(Reflect.get(env, key))}\n`
  ).join(
    ""
  )
)

describe("the path", () => {
  it("test_path_info_decoding", () =>
    withServer(tell((env) => `decoded: ${env.PATH_INFO} raw: ${env.RAW_PATH_INFO}`), {}, async ({ ask }) => {
      const response = await ask(get("/a*b@%40%233", "Connection: close"))
      expect(response.status).toBe(200)
      expect(response.body.toString()).toBe("decoded: /a*b@@#3 raw: /a*b@%40%233")
    }))

  it("test_path_info_latin1", async () => {
    const paths: Array<string> = []
    const app: App = (env, startResponse) => {
      paths.push(env.PATH_INFO)
      return hello(env, startResponse)
    }
    await withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      // the UTF-8 of two Chinese characters, and bytes that are no UTF-8
      for (const path of ["/%E4%BD%A0%E5%A5%BD", "/%BD%A5%E5%A0%BD%E4"]) {
        client.send(get(path))
        expect((await client.response()).status).toBe(200)
      }
      expect(paths).toEqual(["/\xe4\xbd\xa0\xe5\xa5\xbd", "/\xbd\xa5\xe5\xa0\xbd\xe4"])
    })
  })
})

describe("fields", () => {
  it("test_headers_raw", () =>
    withServer(tell((env) => env.headers_raw.map((pair) => pair.join(": ")).join("\n")), {}, async ({ ask }) => {
      const response = await ask(get("/", "x-ANY_k: one", "x-ANY_k: two"))
      expect(response.status).toBe(200)
      expect(response.body.toString()).toBe("Host: localhost\nx-ANY_k: one\nx-ANY_k: two")
    }))

  it("test_env_headers", () =>
    withServer(headerKeys, {}, async ({ ask }) => {
      const response = await ask(
        get("/", "path-info: foo", "x-ANY_k: one", "http-x-ANY_k: two", "x-any-k: three", "http-x-any-k: four")
      )
      expect(response.body.toString()).toBe(
        "HTTP_HOST: localhost\nHTTP_HTTP_X_ANY_K: four\nHTTP_PATH_INFO: foo\nHTTP_X_ANY_K: three\n"
      )
    }))

  it("test_env_header_stripping", () =>
    withServer(headerKeys, {}, async ({ ask }) => {
      const response = await ask(
        get("/", "spaced:   o   u   t   ", "trailing: tab\t", "trailing-nbsp: \xc2\xa0", "null-set: \xe2\x88\x85")
      )
      expect(response.body.toString("latin1")).toBe(
        "HTTP_HOST: localhost\nHTTP_NULL_SET: \xe2\x88\x85\nHTTP_SPACED: o   u   t\nHTTP_TRAILING: tab\n" +
          "HTTP_TRAILING_NBSP: \xc2\xa0\n"
      )
    }))

  it("test_021_environ_clobbering", async () => {
    const clobbering: App = (env, startResponse) => {
      for (const key of Object.keys(env)) Reflect.set(env, key, null)
      startResponse("200 OK", [["Content-Type", "text/plain"]])
      return []
    }
    await withServer(clobbering, {}, async ({ ask, connect, log }) => {
      const client = await connect()
      client.send(`${get("/", "Connection: close")}\r\n`)
      expect((await client.response()).status).toBe(200)
      await client.whenEnded()
      await ask(get("/second"))
      expect(await log.until(/"GET \/second HTTP\/1\.1" 200 /)).toBeDefined()
      expect(log.access[0]).toMatch(/"GET \/ HTTP\/1\.1" 200 /)
      expect(log.text).not.toContain("failed")
    })
  })
})
