/** A11 to A13, A20: the stop. */
import { freePort } from "../utils/ports.js"
import { installed } from "../utils/processes.js"
import type { Check } from "./Check.js"
import { found, seconds, timed, unseen, until } from "./Check.js"
import type { Product } from "./Product.js"
import { type Answer, ask, childrenOf, isThere, quiet, Served } from "./Served.js"

/** Sends twenty requests of two seconds each, and TERM while they run. */
const gracefully = async (served: Served, term: () => void): Promise<ReadonlyArray<readonly [string, boolean]>> => {
  const asked = Promise.allSettled(
    Array.from(
      { length: 20 },
      () => ask({ port: served.port, path: "/slow?2000", headers: { connection: "keep-alive" } })
    )
  )
  await until(
    5000,
    async () => (await served.status()).workers.reduce((sum, { connections }) => sum + connections.active, 0) === 20
  )
  const [took, { code }] = await timed(() => {
    term()
    return served.program.ended
  })
  const answers = (await asked).flatMap((one): ReadonlyArray<Answer> => one.status === "fulfilled" ? [one.value] : [])
  const closing = answers.filter(({ headers, status }) => status === 200 && headers.connection === "close").length
  return [
    [`${closing} answers with Connection: close`, closing === 20],
    [`exit ${code} after ${seconds(took)}`, code === 0 && took < 4000]
  ]
}

const A11: Check = {
  claim: "TERM: what runs is answered with Connection: close, exit 0 within 4 s",
  run: async ({ product }) => {
    await using served = await Served.start(product, `serve works.mjs -w 2 ${quiet}`)
    return found(...await gracefully(served, () => served.program.kill("SIGTERM")))
  }
}

const A12: Check = {
  claim: "--unready 3s: after TERM /ready is 503 and requests are answered, exit after 3 s and the settling",
  run: async ({ product }) => {
    const status = await freePort()
    await using served = await Served.start(
      product,
      `serve works.mjs --unready 3s --status 127.0.0.1:${status} ${quiet}`
    )
    const ready = async () => (await ask({ port: status, path: "/ready" })).status
    const before = await ready()
    const [took, answered] = await timed(async () => {
      served.program.kill("SIGTERM")
      await until(1000, async () => await ready() === 503)
      const answered = (await served.get()).status
      await served.program.ended
      return answered
    })
    return found(
      [`/ready ${before}, then 503, a request ${answered}`, before === 200 && answered === 200],
      [`exit after ${seconds(took)}`, took >= 3000 && took < 5500]
    )
  }
}

const A13: Check = {
  claim:
    "--grace 1s: a handler of a minute is told, its hook runs, exit 0 within 8 s; a blocked loop is killed in its time",
  run: async ({ product }) => {
    await using served = await Served.start(product, `serve works.mjs --grace 1s ${quiet}`)
    const asked = ask({ port: served.port, path: "/slow?60000" }).then(({ status }) => `${status}`, () => "cut")
    await new Promise((resolve) => setTimeout(resolve, 300))
    const [took, { code }] = await timed(() => served.stop())
    const hook = served.program.stdout.filter((line) => line.startsWith("hook: ")).length

    await using blocked = await Served.start(product, `serve works.mjs --grace 1s ${quiet}`)
    const [pid] = await blocked.pids()
    const lost = ask({ port: blocked.port, path: "/work?60000" }).catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const [time] = await timed(async () => {
      blocked.program.kill("SIGTERM")
      await until(15_000, () => !isThere(pid))
    })
    await lost
    const answer = await asked
    return found(
      [`answered ${answer}, ${hook} hook`, hook === 1 && /^(503|cut)$/.test(answer)],
      [`exit ${code} after ${seconds(took)}`, code === 0 && took < 8000],
      [`blocked loop killed after ${seconds(time)}, expected 7 s`, Math.abs(time - 7000) <= 500]
    )
  }
}

/** Whether this user may have a namespace of processes. */
const mayUnshare = async (product: Product): Promise<boolean> =>
  installed("unshare") !== undefined &&
  (await product.run("unshare", "--pid", "--fork", "--mount-proc", "true")).code === 0

const A20: Check = {
  claim: "as PID 1 it stops as elsewhere",
  run: async ({ product }) => {
    if (!await mayUnshare(product)) return unseen("no unshare here")
    await using served = await Served.start(product, `serve works.mjs -w 2 ${quiet}`, {
      command: "unshare",
      before: ["--pid", "--fork", "--mount-proc", "--kill-child", "tsgi"]
    })
    const { pid } = await served.status()
    const [inside] = childrenOf(served.program.pid ?? 0)
    return found([`pid ${pid}`, pid === 1], ...await gracefully(served, () => process.kill(inside, "SIGTERM")))
  }
}

export const stopping = { A11, A12, A13, A20 }
