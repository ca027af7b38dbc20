/**
 * The work that every contestant does alike: paths, headers, bodies. No contestant is imported here.
 */

/** A contestant that runs. */
export interface Serving {
  readonly port: number
  readonly stop: () => Promise<void>
}

/** Starts a contestant on a free port of 127.0.0.1. `mode` chooses between apps that cannot share one process. */
export type Serve = (mode: string) => Promise<Serving>

export const hello = "Hello, World!"
export const textType = "text/plain"
export const bytesType = "application/octet-stream"

/** For servers that have a limit on connections or a short queue of new ones: 4,000 have to fit. */
export const mostConnections = 5000
export const backlog = 4096
export const host = "127.0.0.1"
/** Seconds that an idle connection is kept; node:http's own 5 would end connections while others are measured. */
export const idleSeconds = 75

/** Keeps the processor for a millisecond. */
export const work = (): void => {
  const end = performance.now() + 1
  while (performance.now() < end);
}

const kibibyte = 1024

export interface Download {
  readonly length: number
  /** The body as an array: what an app has that holds its parts in memory. */
  readonly parts: ReadonlyArray<Buffer>
  /** The body as a stream: what an app has that reads a file or another server. Its length is not told. */
  readonly stream: () => AsyncGenerator<Buffer, void, undefined>
}

const download = (length: number, partSize: number, pieceSize: number): Download => {
  const part = Buffer.alloc(partSize, "x")
  const piece = Buffer.alloc(pieceSize, "x")
  return {
    length,
    parts: Array.from({ length: length / partSize }, () => part),
    async *stream() {
      for (let sent = 0; sent < length; sent += pieceSize) yield piece
    }
  }
}

/** By path; `/array` and `/stream` go before it. */
export const downloads: Readonly<Record<string, Download>> = {
  "/64k": download(64 * kibibyte, 64 * kibibyte, 16 * kibibyte),
  "/10m": download(10 * kibibyte * kibibyte, 64 * kibibyte, 64 * kibibyte)
}

/** A file that a contestant is told of in its environment. */
export const fileFrom = (name: "BENCH_CERT" | "BENCH_KEY" | "BENCH_LOG"): string => {
  const path = process.env[name]
  if (path === undefined) throw new Error(`${name} is not set`)
  return path
}
