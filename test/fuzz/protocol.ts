/**
 * Fuzzes the request reader with random changes of the corpus.
 *
 *     npx tsx test/fuzz/protocol.ts [seconds = 30] [seed]
 *
 * The contract, for any bytes and any limits: the reader returns messages or one failure; it never throws, never hangs, and never
 * stores more than its limits; its result does not depend on how the bytes are cut and when the messages are taken; and by the
 * strict rules it reads what the reference in `test/protocol/reference.ts` reads.
 *
 * Ends with 0 and a count if the contract holds. At the first breach it prints the breach, the shortest bytes that show it as the
 * text of a corpus file, and the seed that leads there again, and ends with 1.
 */
import { fileURLToPath } from "node:url"
import { inspect } from "node:util"
import { checkCuts, checkMeaning } from "../protocol/agreement.js"
import type { Rules } from "../protocol/reading.js"
import { type CorpusCase, readCorpus, toNotation } from "../utils/corpus.js"

export interface FuzzResult {
  readonly runs: number
  readonly breach: Breach | undefined
}

export interface Breach {
  readonly error: unknown
  readonly bytes: Buffer
  readonly cuts: ReadonlyArray<number>
  readonly rules: Rules
}

/** The same seed gives the same inputs; `goOn` is asked before each run. */
export const fuzz = (seed: number, goOn: (runs: number) => boolean): FuzzResult => {
  const random = generator(seed)
  // Large cases take most of the time and show nothing that small limits do not.
  const small = (folder: "valid" | "invalid") => readCorpus(folder).filter((sample) => sample.bytes.length < 1000)
  const valid = small("valid")
  const samples = [...valid, ...small("invalid")]
  let runs = 0
  while (goOn(runs)) {
    runs++
    // Half of the inputs begin valid, because one change to those goes deepest.
    const start = random.pick(runs % 2 === 0 ? valid : samples).bytes
    const bytes = mutated(start, random.below(4) + 1, samples, random)
    const rules = rulesFor(random.pick(samples), random)
    const cuts = Array.from({ length: random.below(5) }, () => random.below(bytes.length + 1))
    const error = breachOf(bytes, cuts, rules)
    if (error !== undefined) return { runs, breach: shortest({ error, bytes, cuts, rules }) }
  }
  return { runs, breach: undefined }
}

const breachOf = (bytes: Buffer, cuts: ReadonlyArray<number>, rules: Rules): unknown => {
  try {
    const reading = checkCuts(bytes, cuts, rules)
    if (rules.limits === undefined && rules.leniency === undefined) checkMeaning(bytes, reading)
    return undefined
  } catch (error) {
    return error
  }
}

interface Random {
  /** An integer from 0 up to, and not including, `end`. */
  readonly below: (end: number) => number
  readonly pick: <A>(from: ReadonlyArray<A>) => A
}

// mulberry32
const generator = (seed: number): Random => {
  let state = seed >>> 0
  const below = (end: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end)
  }
  return { below, pick: (from) => from[below(from.length)] }
}

const words = [
  ..."\r\n\t\0 :;,#?*/-+_\"\x0b\x7f\x80\xff012aF".split(""),
  ..."\r\n|\r\n\r\n|0\r\n\r\n|0x2|chunked|, chunked|HTTP/1.1|HTTP/1.0|http://|[::1]|a:443|CONNECT|OPTIONS|\u00a0".split(
    "|"
  ),
  "Content-Length: 3\r\n",
  "Content-Length: 3, 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip\r\n",
  "Host: b\r\n",
  "X: y\r\n",
  " folded\r\n",
  "3;a=\"b\"\r\nabc\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
].map((word) => Buffer.from(word, "latin1"))

const mutated = (start: Buffer, times: number, samples: ReadonlyArray<CorpusCase>, random: Random): Buffer => {
  let bytes = Buffer.from(start)
  for (let left = times; left > 0; left--) {
    const at = random.below(bytes.length + 1)
    const size = random.below(random.pick([2, 4, 40]))
    const before = bytes.subarray(0, at)
    switch (random.below(8)) {
      case 0:
        if (at < bytes.length) bytes[at] ^= 1 << random.below(8)
        break
      case 1:
        if (at < bytes.length) bytes[at] = random.below(256)
        break
      case 2:
        bytes = Buffer.concat([before, bytes.subarray(at + size)])
        break
      case 3:
        bytes = Buffer.concat([before, bytes.subarray(at, at + size), bytes.subarray(at)])
        break
      case 4:
        bytes = Buffer.concat([before, random.pick(words), bytes.subarray(at)])
        break
      case 5:
        bytes = Buffer.concat([before, random.pick(words), bytes.subarray(at + size)])
        break
      case 6: {
        const other = random.pick(samples).bytes
        bytes = Buffer.concat([before, other.subarray(random.below(other.length + 1))])
        break
      }
      default:
        bytes = Buffer.concat([bytes, random.pick(samples).bytes])
    }
  }
  return bytes
}

// Half of the runs use the strict rules, by which the reference judges too.
const rulesFor = (sample: CorpusCase, random: Random): Rules => {
  const size = (): number => random.below(60)
  switch (random.below(4)) {
    case 0:
      return { limits: sample.limits, leniency: sample.leniency }
    case 1:
      return {
        limits: {
          requestLine: size(),
          fieldLine: size(),
          fieldSection: size() * 3,
          fieldCount: random.below(6),
          chunkExtensions: random.below(10),
          trailerSection: size(),
          body: size()
        },
        leniency: {
          requireHost: random.below(2) === 0,
          allowContentLengthWithTransferEncoding: random.below(2) === 0,
          allowControlsInChunkExtensions: random.below(2) === 0,
          allowNonAsciiTarget: random.below(2) === 0
        }
      }
    default:
      return {}
  }
}

// Removes ever smaller parts as long as a breach remains.
const shortest = (breach: Breach): Breach => {
  let best = breach
  for (let size = best.bytes.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= best.bytes.length;) {
      const bytes = Buffer.concat([best.bytes.subarray(0, at), best.bytes.subarray(at + size)])
      const cuts = best.cuts.map((cut) => cut > at ? Math.max(at, cut - size) : cut)
      const error = breachOf(bytes, cuts, best.rules)
      if (error === undefined) at += size
      else best = { ...best, error, bytes, cuts }
    }
  }
  return best
}

/** What is said of a result: the number of runs, or the breach with the text of a corpus file. */
export const toReport = (seed: number, { breach, runs }: FuzzResult): string => {
  if (breach === undefined) return `${runs} runs, no breach (seed ${seed})`
  const rules = Object.entries(breach.rules).map(([key, value]) => `# ${key}: ${JSON.stringify(value)}\n`).join("")
  return `${inspect(breach.error)}\n\nrun ${runs} of seed ${seed}, cut at [${breach.cuts.join(", ")}]:\n\n` +
    `${rules}\n${toNotation(breach.bytes)}`
}

const main = (): void => {
  const seconds = Number(process.argv[2] ?? 30)
  const seed = Number(process.argv[3] ?? Date.now() % 2 ** 32)
  if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error("usage: protocol.ts [seconds] [seed]")
  const end = Date.now() + seconds * 1000
  const result = fuzz(seed, (runs) => runs % 64 !== 0 || Date.now() < end)
  const text = toReport(seed, result)
  if (result.breach === undefined) {
    console.log(text)
    return
  }
  console.error(text)
  process.exitCode = 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
