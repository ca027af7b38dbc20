/** A7: writing the response. */
import type { App } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { get, head } from "../utils/requests.js"
import { plain, withServer } from "../utils/serving.js"

/** Parts without a known length. */
const partsApp = (...parts: ReadonlyArray<string>): App => (_env, startResponse) => {
  startResponse("200 OK", plain)
  return parts.values()
}

const threeParts = partsApp("this", "is", "chunked")

describe("framing", () => {
  it("test_009_chunked_response", () =>
    withServer(threeParts, {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/", "Connection: close"))
      const response = await client.response()
      expect(response.all("Transfer-Encoding")).toEqual(["chunked"])
      expect(response.get("Content-Length")).toBeUndefined()
      expect(response.body.toString()).toBe("thisischunked")
      await client.whenEnded()
    }))

  it("test_010_no_chunked_http_1_0", () =>
    withServer(threeParts, {}, async ({ connect }) => {
      const client = await connect()
      client.send(head("GET / HTTP/1.0", "Host: localhost", "Connection: close"))
      const text = (await client.all()).toString()
      expect(text).not.toMatch(/transfer-encoding/i)
      expect(text).toMatch(/\r\n\r\nthisischunked$/)
    }))

  it("test_close_chunked_with_1_0_client", () =>
    withServer(threeParts, {}, async ({ connect }) => {
      const client = await connect()
      client.send(head("GET / HTTP/1.0", "Host: localhost", "Connection: keep-alive"))
      const response = await client.response()
      expect(response.all("Connection")).toEqual(["close"])
      expect(response.get("Transfer-Encoding")).toBeUndefined()
      expect(response.body.toString()).toBe("thisischunked")
    }))

  it("test_011_multiple_chunks", () =>
    withServer(partsApp(...Array.from({ length: 10 }, () => "a".repeat(8192))), {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/", "Connection: close"))
      const response = await client.response()
      expect(response.chunks.length).toBeGreaterThan(1)
      expect(response.body.toString()).toBe("a".repeat(81_920))
      expect(await client.all()).toHaveLength(0)
    }))

  it("test_zero_length_chunked_response", () =>
    withServer(partsApp(""), {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/", "Connection: close"))
      const head = await client.head()
      expect(head.get("Transfer-Encoding")).toBe("chunked")
      expect((await client.all()).toString()).toBe("0\r\n\r\n")
    }))

  it("test_chunked_response_when_app_yields_empty_string", () => {
    const app: App = (env, startResponse) => {
      env["eventlet.minimum_write_chunk_size"] = 0
      startResponse("200 OK", plain)
      return ["stuff", "", "more stuff"].values()
    }
    return withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/", "Connection: close"))
      const head = await client.head()
      expect(head.get("Transfer-Encoding")).toBe("chunked")
      expect((await client.all()).toString()).toBe("5\r\nstuff\r\na\r\nmore stuff\r\n0\r\n\r\n")
    })
  })

  it("test_016_repeated_content_length", () => {
    const app: App = (_env, startResponse) => {
      startResponse("200 OK", [["Content-Length", "7"]])
      return ["testing"]
    }
    return withServer(app, {}, async ({ ask }) => {
      const response = await ask(get("/a", "Connection: close"))
      expect(response.all("Content-Length")).toEqual(["7"])
      expect(response.body.toString()).toBe("testing")
    })
  })

  it("test_no_transfer_encoding_in_empty_response", () => {
    const app: App = (env, startResponse) => {
      startResponse(env.PATH_INFO === "/204" ? "204 No Content" : "304 Not Modified", [])
      return [].values()
    }
    return withServer(app, { parser: { requireHost: false } }, async ({ connect }) => {
      const client = await connect()
      for (const path of ["/204", "/304", "/204"]) {
        client.send(head(`GET ${path} HTTP/1.1`))
        const response = await client.response()
        expect(`/${response.status}`).toBe(path)
        expect(response.get("Transfer-Encoding")).toBeUndefined()
        expect(response.get("Content-Length")).toBeUndefined()
        expect(response.get("Connection")).toBeUndefined()
      }
    })
  })
})

describe("parts", () => {
  it("test_015_write", () => {
    const app: App = async (env, startResponse) => {
      const write = startResponse("200 OK", env.PATH_INFO === "/a" ? [...plain, ["Content-Length", "5"]] : plain)
      await write("abcde")
      return []
    }
    return withServer(app, {}, async ({ ask }) => {
      const declared = await ask(get("/a", "Connection: close"))
      expect(declared.get("Content-Length")).toBe("5")
      expect(declared.get("Transfer-Encoding")).toBeUndefined()
      expect(declared.body.toString()).toBe("abcde")
      const undeclared = await ask(get("/b", "Connection: close"))
      expect(undeclared.get("Transfer-Encoding")).toBe("chunked")
      expect(undeclared.body.toString()).toBe("abcde")
    })
  })

  it("test_unicode_with_only_ascii_characters_works", () =>
    withServer(partsApp("oh hai, ", "xxx"), {}, async ({ ask }) => {
      expect((await ask(get("/", "Connection: close"))).body.toString()).toBe("oh hai, xxx")
    }))

  it("test_unicode_with_nonascii_characters_raises_error", async () => {
    // text is UTF-8, and lengths count bytes
    await withServer(partsApp("oh hai, ", "xxx \u0230"), {}, async ({ ask }) => {
      const response = await ask(get("/", "Connection: close"))
      expect(response.status).toBe(200)
      expect(response.body.toString("utf8")).toBe("oh hai, xxx \u0230")
      expect(response.body).toHaveLength(14)
    })
    const whole: App = (_env, startResponse) => {
      startResponse("200 OK", plain)
      return "xxx \u0230"
    }
    await withServer(whole, {}, async ({ ask }) => {
      const response = await ask(get("/"))
      expect(response.get("Content-Length")).toBe("6")
      expect(response.body.toString("utf8")).toBe("xxx \u0230")
    })
  })

  it("test_error_in_chunked_closes_connection", () => {
    const parts = ["The first part of what was to be said,", "and another, in which all is still well,"]
    const app: App = (_env, startResponse) => {
      startResponse("200 OK", plain)
      return (function*() {
        yield* parts
        startResponse("500 Error", plain, new Error("no more to say"))
        yield "never"
      })()
    }
    return withServer(app, { minimumChunkSize: 1 }, async ({ connect, log }) => {
      const client = await connect()
      client.send(get("/"))
      const head = await client.head()
      expect(head.status).toBe(200)
      expect(head.get("Transfer-Encoding")).toBe("chunked")
      // no last chunk, so the client can tell
      expect((await client.all()).toString())
        .toBe(parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join(""))
      expect(await log.until(/no more to say/)).toBeDefined()
    })
  })

  it("test_chunked_readline_wsgi_override_minimum_chunk_size", () => {
    const go = gate()
    const app: App = (env, startResponse) => {
      env["eventlet.minimum_write_chunk_size"] = 1
      startResponse("200 OK", [...plain, ["Content-Length", "2"]])
      return (async function*() {
        yield " "
        await go.opened
        yield " "
      })()
    }
    return withServer(app, { minimumChunkSize: 8192 }, async ({ connect }) => {
      const client = await connect()
      client.send(head("POST /yield_spaces/override_min HTTP/1.1", "Host: localhost", "Content-Length: 0"))
      await client.head()
      // the first part is here while the second has not been made
      expect((await client.bytes(1)).toString()).toBe(" ")
      expect(client.unread).toHaveLength(0)
      go.open()
      expect((await client.bytes(1)).toString()).toBe(" ")
    })
  })

  it("test_chunked_readline_wsgi_not_override_minimum_chunk_size", async () => {
    // Parts are gathered as long as the application goes on making them.
    await withServer(partsApp(" ", " ", " "), {}, async ({ ask }) => {
      expect((await ask(get("/yield_spaces"))).chunks.map(String)).toEqual(["   "])
    })
    const app: App = (_env, startResponse) => {
      startResponse("200 OK", plain)
      return (async function*() {
        yield " "
        await Promise.resolve()
        yield " "
      })()
    }
    await withServer(app, {}, async ({ ask }) => {
      expect((await ask(get("/yield_spaces"))).chunks.map(String)).toEqual(["  "])
    })
  })
})

describe("field names", () => {
  it("test_header_name_capitalization", async () => {
    const app: App = (env, startResponse) => {
      startResponse("200 oK", [["sOMe-WEirD", "cAsE"], [
        env.PATH_INFO === "/token" ? "wiTH-mORe" : "wiTH-\xdf",
        "chars"
      ]])
      return [""]
    }
    await withServer(app, {}, async ({ ask, log }) => {
      const response = await ask(get("/token"))
      expect(`${response.version} ${response.status} ${response.reason}`).toBe("HTTP/1.1 200 oK")
      expect(response.fields).toContainEqual(["Some-Weird", "cAsE"])
      expect(response.fields).toContainEqual(["With-More", "chars"])
      // what is no token is refused, and said in the log
      const refused = await ask(get("/latin"))
      expect(refused.status).toBe(500)
      expect(refused.text).not.toContain("\xdf")
      expect(await log.until(/InvalidFieldName/)).toBeDefined()
    })
  })

  it("test_disable_header_name_capitalization", () => {
    const app: App = (_env, startResponse) => {
      startResponse("200 oK", [["eTAg", "TAg-VAluE"], ["content-LENGTH", "0"]])
      return [""]
    }
    return withServer(app, { capitalizeResponseHeaders: false }, async ({ ask }) => {
      const response = await ask(get("/"))
      expect(`${response.version} ${response.status} ${response.reason}`).toBe("HTTP/1.1 200 oK")
      expect(response.fields).toContainEqual(["eTAg", "TAg-VAluE"])
      expect(response.all("content-length")).toEqual(["0"])
    })
  })
})
