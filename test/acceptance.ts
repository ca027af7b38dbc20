/**
 * What the command promises, seen from outside: the product is packed and installed into an empty folder, and programs ask it.
 *
 *   npm run acceptance                          all checks, for a look
 *   npm run acceptance -- --full                with as many requests, reloads and seconds as each claim names
 *   npm run acceptance -- A2 A3 --node 22       these, with a Node of that version (an npm package), or `--node PATH`
 *   npm run acceptance -- --in FOLDER           works there, and takes what is installed there already
 *
 * Prints a line for each, then a table; exits 1 when one does not hold. A1, A6, A9, A25 and A26 need a quiet machine. Linux only.
 */
import { parseArgs } from "node:util"
import { writeApps } from "./acceptance/apps.js"
import { around } from "./acceptance/around.js"
import type { Check, Found } from "./acceptance/Check.js"
import { failing } from "./acceptance/failing.js"
import { install } from "./acceptance/Product.js"
import { reloading } from "./acceptance/reloading.js"
import { starting } from "./acceptance/starting.js"
import { stopping } from "./acceptance/stopping.js"

const all: Readonly<Record<string, Check>> = { ...starting, ...reloading, ...failing, ...stopping, ...around }
const order = Object.keys(all).sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)))

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { full: { type: "boolean" }, node: { type: "string" }, in: { type: "string" } }
})
const unknown = positionals.filter((name) => !(name in all))
if (unknown.length > 0) {
  console.error(`there is no check ${unknown.join(", ")}; there are ${order.join(" ")}`)
  process.exit(2)
}

/** Most checks are done in seconds; none may hold up the others. Three loads of 100,000 requests take minutes. */
const patience = values.full === true ? 900_000 : 360_000

const outcome = async (check: Check, run: Promise<Found>): Promise<Found> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Found>((resolve) => {
    timer = setTimeout(
      () => resolve({ ok: false, figure: `not done in ${patience / 1000} s: ${check.claim}` }),
      patience
    )
  })
  try {
    return await Promise.race([run, late])
  } catch (error) {
    return { ok: false, figure: error instanceof Error ? error.stack ?? error.message : String(error) }
  } finally {
    clearTimeout(timer)
  }
}

const word = ({ ok }: Found): string => ok === undefined ? "not seen" : ok ? "ok" : "FAIL"

const product = await install(values.node, values.in)
writeApps(product)
const full = values.full === true
console.log(`Node ${product.version}, ${full ? "full" : "short"}, in ${product.folder}`)

const table: Array<readonly [name: string, Found, seconds: number]> = []
for (const name of positionals.length > 0 ? positionals : order) {
  const check = all[name]
  const begun = performance.now()
  const found = await outcome(check, check.run({ product, full }))
  const took = (performance.now() - begun) / 1000
  table.push([name, found, took])
  console.log(`${name.padEnd(4)} ${word(found).padEnd(8)} ${took.toFixed(0).padStart(3)} s  ${found.figure}`)
}

console.log(`\n| check | Node ${product.version} | claim | figures |\n| --- | --- | --- | --- |`)
for (const [name, found] of table) {
  console.log(
    `| ${name} | ${word(found)} | ${all[name].claim} | ${found.figure.replaceAll("|", "\\|").replaceAll("\n", " ")} |`
  )
}
const failed = table.filter(([, { ok }]) => ok === false)
console.log(
  failed.length === 0 ? "\nall hold" : `\n${failed.length} do not hold: ${failed.map(([name]) => name).join(" ")}`
)
process.exit(failed.length === 0 ? 0 : 1)
