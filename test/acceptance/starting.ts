/** A1, A15, A24 to A26: the start, and the messages for mistyped commands. */
import * as fs from "node:fs"
import * as path from "node:path"
import { freePort } from "../utils/ports.js"
import type { Check } from "./Check.js"
import { found, seconds, timed, until } from "./Check.js"
import type { Product } from "./Product.js"
import { ask, childrenOf, Served } from "./Served.js"

const answers = (port: number) => async (): Promise<boolean> => (await ask({ port })).body.startsWith("Hello, World!")

/** Milliseconds from the start of a program to its first answer. */
const firstAnswer = async (product: Product, command: string, args: (port: number) => ReadonlyArray<string>) => {
  const port = await freePort()
  const [time, program] = await timed(async () => {
    const program = product.start(command, args(port), { PORT: String(port) })
    await until(30_000, answers(port))
    return program
  })
  return { time, program }
}

const median = async (act: () => Promise<number>): Promise<number> => {
  const times = [await act(), await act(), await act()]
  return times.sort((a, b) => a - b)[1]
}

const A1: Check = {
  claim: "npx tsgi serve hello.ts -w 2 answers within 1.5 s, one worker within 400 ms of npm start's program",
  run: async ({ product }) => {
    const npx = await firstAnswer(product, "npx", (port) => ["tsgi", "serve", "hello.ts", "-w", "2", "-p", `${port}`])
    await npx.program.line(/info {2}ready in/)
    const ready = npx.program.stderr.filter((line) => /worker \d \(\d+\) ready in \d+ ms$/.test(line)).length
    // npx does not pass on signals
    const [, pid] = await npx.program.line(/ tsgi\[(\d+)\] /)
    process.kill(Number(pid), "SIGTERM")
    await npx.program.ended
    const time = (command: string, args: (port: number) => ReadonlyArray<string>) =>
      median(async () => {
        const { program, time } = await firstAnswer(product, command, args)
        program.kill("SIGTERM")
        await program.ended
        return time
      })
    const one = await time("tsgi", (port) => ["serve", "hello.ts", "-p", `${port}`])
    const alone = await time("tsx", () => ["alone.ts"])
    return found(
      [`npx, two workers: ${seconds(npx.time)}`, npx.time < 1500],
      [`${ready} ready lines`, ready === 2],
      [`one worker ${seconds(one)}, without the command ${seconds(alone)}`, one < alone + 400]
    )
  }
}

/**
 * The id of the user `nobody`, who may not have a port below 1024; `undefined` if this user cannot become that one, or that one
 * may.
 */
const nobody = (): number | undefined => {
  const least = Number(fs.readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"))
  return process.getuid?.() === 0 && least > 80 ? 65_534 : undefined
}

const A15: Check = {
  claim: "what cannot start ends with its exit code and one line that names the thing",
  run: async ({ product }) => {
    await using taken = await Served.start(product, "serve wsgi.mjs")
    const cases: ReadonlyArray<readonly [args: string, code: number, named: RegExp]> = [
      [`serve wsgi.mjs -p ${taken.port}`, 5, new RegExp(`:${taken.port}\\b`)],
      ["serve nix.ts", 4, /nix\.ts/],
      ["serve wsgi.mjs:nix -p 0", 4, /no export nix/],
      ["serve wsgi.mjs --prot 1", 2, /--prot\b.*--port/],
      ["serve throws.mjs -p 0", 4, /no luck/]
    ]
    const ended = await Promise.all(cases.map(async ([args, code, named]) => {
      const { code: given, stderr } = await product.run("tsgi", ...args.split(" "))
      const ours = stderr.filter((line) => line.startsWith("tsgi:"))
      return [`${args}: ${given}`, given === code && ours.length === 1 && named.test(ours[0])] as const
    }))
    const other = nobody()
    const low = other === undefined ? undefined : await product.run("setpriv", ...[
      ...[`--reuid=${other}`, "--clear-groups", "node"],
      ...["node_modules/tsgi/dist/cli.js", "serve", "wsgi.mjs", "-p", "80"]
    ])
    const left = childrenOf(process.pid).length
    return found(
      ...ended,
      low === undefined
        ? ["port 80: not seen, as this system lets everybody have it"]
        : [`port 80 as nobody: ${low.code}`, low.code === 5 && /:80: /.test(low.stderr.join("\n"))],
      // two may be left: the one that serves, and the bundler that runs this
      [`${left} processes left`, left <= 2]
    )
  }
}

const A24: Check = {
  claim: "serves every kind of app; flags go before the environment, that before the file",
  run: async ({ product }) => {
    const kinds = await Promise.all(
      ["wsgi.mjs", "fetch.mjs", "hono.mjs", "httpApp.mjs", "layer.mjs", "factory.mjs:make --factory"].map(
        async (app) => {
          await using served = await Served.start(product, `serve ${app}`)
          const [name] = app.split(".")
          return [name, (await served.get()).body === name] as const
        }
      )
    )
    product.write("shop.env", "GREETING=from-the-file\n")
    const multi = async (args: string, env?: Readonly<Record<string, string>>) => {
      await using served = await Served.start(product, `serve works.mjs ${args}`, {
        ...(env === undefined ? {} : { env })
      })
      return (await served.get("/multi")).body
    }
    const two = await multi("-w 2 --env-file shop.env")
    const set = await multi("--env-file shop.env", { GREETING: "already-set" })

    const [file, variable, flag] = [await freePort(), await freePort(), await freePort()]
    fs.mkdirSync(path.join(product.folder, "precedence"), { recursive: true })
    const config = product.write("precedence/tsgi.toml", `port = ${file}\n`)
    const port = async (args: string, env: Readonly<Record<string, string>>, expected: number): Promise<boolean> => {
      await using _ = await Served.start(product, `serve wsgi.mjs --config ${config} ${args}`.trim(), {
        env,
        port: expected
      })
      return (await ask({ port: expected })).status === 200
    }
    return found(
      ...kinds,
      [`two workers with an env file: ${two}`, two === "true from-the-file"],
      [`what is set goes before: ${set}`, set === "false already-set"],
      ["port of tsgi.toml", await port("", {}, file)],
      ["TSGI_PORT before it", await port("", { TSGI_PORT: `${variable}` }, variable)],
      ["--port before both", await port(`--port ${flag}`, { TSGI_PORT: `${variable}` }, flag)]
    )
  }
}

const A25: Check = {
  claim: "help is plain and short, costs at most three empty nodes, and completions complete",
  run: async ({ product }) => {
    const helps = await Promise.all([["--help"], ["serve", "--help"]].map((args) => product.run("tsgi", ...args)))
    const serve = helps[1].stdout
    const ansi = helps.some(({ stderr, stdout }) => [...stdout, ...stderr].some((line) => line.includes("\u001b")))
    const flags = serve.filter((line) => /^ *(-\w, )?--[\w-]+/.test(line))
    // this is the least of several, each measured by the shell that waits for it
    const cpu = async (command: string): Promise<number> => {
      const { stderr } = await product.run(
        "bash",
        "-c",
        `TIMEFORMAT='%U %S'; for i in 1 2 3 4 5 6 7; do time ${command} > /dev/null; done`
      )
      const times = stderr.filter((line) => /^[\d.]+ [\d.]+$/.test(line)).map((line) =>
        line.split(" ").map(Number).reduce((a, b) => a + b)
      )
      return Math.min(...times) * 1000
    }
    product.write("empty.mjs", "")
    const empty = await cpu("node empty.mjs")
    const help = await cpu("tsgi serve --help")
    const completed = await product.run(
      "bash",
      "-c",
      `source <(tsgi completions bash); complete -p tsgi | sed 's/.*-F \\([^ ]*\\) .*/\\1/' > /dev/null
f=$(complete -p tsgi | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); COMP_WORDS=(tsgi serve --wo); COMP_CWORD=2; COMP_LINE="tsgi serve --wo"
COMP_POINT=15; $f tsgi --wo serve; echo "\${COMPREPLY[@]}"`
    )
    const reply = completed.stdout.join(" ")
    return found(
      [`ANSI: ${ansi}`, !ansi],
      [`${serve.length} lines`, serve.length < 100 && helps[0].stdout.length < 100],
      [`${flags.length} flags`, flags.length > 40],
      [`help ${help.toFixed(0)} ms of CPU, node ${empty.toFixed(0)} ms`, help <= 3 * empty],
      [`--wo<TAB>: ${reply}`, /(^|\s)--workers(\s|$)/.test(reply)]
    )
  }
}

/** The kilobytes that a process does not share. */
const privateOf = (pid: number): number =>
  [...fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8").matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)]
    .reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0)

const A26: Check = {
  claim:
    "an idle plain worker has at most 25 MiB of its own, the supervisor 40; the worker loads no Effect of node_modules",
  run: async ({ product }) => {
    await using served = await Served.start(product, "serve wsgi.mjs")
    await served.get()
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const [pid] = await served.pids()
    const worker = privateOf(pid) / 1024
    const supervisor = privateOf(served.program.pid ?? 0) / 1024
    const log = path.join(product.folder, "loaded.log")
    fs.rmSync(log, { force: true })
    product.write(
      "hooks.mjs",
      `import { appendFileSync } from "node:fs"
export const load = (url, context, next) => {
  appendFileSync(${JSON.stringify(log)}, url + "\\n")
  return next(url, context)
}
`
    )
    product.write(
      "watchLoads.mjs",
      `import { register } from "node:module"\nregister("./hooks.mjs", import.meta.url)\n`
    )
    await using watched = await Served.start(product, "serve wsgi.mjs --import ./watchLoads.mjs")
    await watched.get()
    const loaded = fs.readFileSync(log, "utf8").split("\n").filter((url) => url !== "")
    const effects = loaded.filter((url) => /node_modules\/(@effect|effect)\//.test(url))
    return found(
      [`worker ${worker.toFixed(1)} MiB`, worker <= 25],
      [`supervisor ${supervisor.toFixed(1)} MiB`, supervisor <= 40],
      [
        `${loaded.length} modules loaded by the worker, ${effects.length} of Effect's`,
        loaded.length > 1 && effects.length === 0
      ]
    )
  }
}

export const starting = { A1, A15, A24, A25, A26 }
