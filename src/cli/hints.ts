/**
 * What is said of the machine that a server runs on: functions of its figures, and where these are.
 *
 * @since 0.2.0
 */
import * as Fs from "node:fs"
import type { Listening } from "./Listening.js"
import { describeSize, plural } from "./values.js"

/** Above this share the system's own caches are squeezed, and a peak of one worker ends another. */
const muchOf = 0.8

/**
 * A warning where so many workers, of the size that one has, need more than 80 % of the memory that there is.
 *
 * @param worker bytes of one, `limit` bytes of all
 *
 * @since 0.2.0
 * @category constructors
 */
export const memoryWarning = (workers: number, worker: number, limit: number): string | undefined =>
  workers * worker <= muchOf * limit
    ? undefined
    : `${plural(workers, "worker")} of ${describeSize(worker)} need more than 80% of the ${
      describeSize(limit)
    } that this control group may have: fewer workers, or a higher limit`

/**
 * A line for a server in a container that listens on loopback only.
 *
 * @since 0.2.0
 * @category constructors
 */
export const loopbackHint = (
  listening: ReadonlyArray<Pick<Listening, "address" | "from">>,
  isContainer: boolean
): string | undefined =>
  isContainer && listening.length > 0 &&
    listening.every(({ address, from }) => from === "bind" && /^https?:\/\/(?:127\.|\[::1\]|localhost)/.test(address))
    ? "listening on loopback in a container: nothing outside it can connect; --host 0.0.0.0 allows that"
    : undefined

/**
 * Bytes that the control group (v2) of this process may have; `Infinity` where there is no limit, or none that can be read.
 *
 * @since 0.2.0
 * @category accessors
 */
export const memoryLimit = (read: (path: string) => string = (path) => Fs.readFileSync(path, "utf8")): number => {
  try {
    const given = read("/sys/fs/cgroup/memory.max").trim()
    return /^\d+$/.test(given) ? Number(given) : Infinity
  } catch {
    return Infinity
  }
}

/**
 * Whether this process runs in a container. Docker and Podman leave a file, Kubernetes and systemd a variable.
 *
 * @since 0.2.0
 * @category accessors
 */
export const isContainer = (
  env: Readonly<Record<string, string | undefined>>,
  exists: (path: string) => boolean = Fs.existsSync
): boolean =>
  exists("/.dockerenv") || exists("/run/.containerenv") || env["KUBERNETES_SERVICE_HOST"] !== undefined ||
  env["container"] !== undefined
