/** Requests as bytes. */

/** A head: its lines, and the empty one behind them. */
export const head = (...lines: ReadonlyArray<string>): string => `${lines.join("\r\n")}\r\n\r\n`

/** An HTTP/1.1 GET with Host. */
export const get = (path = "/", ...fields: ReadonlyArray<string>): string =>
  head(`GET ${path} HTTP/1.1`, "Host: localhost", ...fields)

/** A chunked body, its end included. */
export const chunked = (parts: ReadonlyArray<string>, extension = ""): string =>
  [...parts, ""].map((part) => `${part.length.toString(16)}${extension}\r\n${part}\r\n`).join("")
