/** Text becomes bytes, in UTF-8 or Latin-1, and no bytes are returned twice. */
import { join, utf8, utf8Length } from "tsgi/protocol"
import { expect, it } from "vitest"

it("encodes text as UTF-8", () => {
  for (const text of ["", "abc", "é好😀", "\ud800"]) {
    expect(utf8(text)).toEqual(Buffer.from(text, "utf8"))
    expect(utf8Length(text)).toBe(utf8(text).length)
  }
})

it("joins latin-1 text and bytes in the order given", () => {
  const bytes = Uint8Array.of(0, 13, 10, 255)
  expect(Buffer.from(join(["a\xe9", bytes, "", new Uint8Array(0), "\r\n"])).toString("latin1")).toBe(
    "a\xe9\0\r\n\xff\r\n"
  )
  expect(join([])).toHaveLength(0)
})

it("never hands out bytes that it gives out again", () => {
  const first = join(["abc"])
  join(["xyz"])
  expect(Buffer.from(first).toString()).toBe("abc")
})
