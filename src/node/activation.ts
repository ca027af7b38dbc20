/**
 * Socket activation: a service manager such as systemd binds sockets and hands them to a process that it starts
 * (sd_listen_fds(3)).
 *
 * @module
 * @since 0.2.0
 */
import { invalidOption } from "../server/OptionNames.js"

/**
 * An inherited socket, TCP or unix: `listen({ fd })` serves on it.
 *
 * @since 0.2.0
 * @category models
 */
export interface ActivatedSocket {
  readonly fd: number
  /** `FileDescriptorName=` of the socket unit, by default the name of the unit; `undefined` if no name was given. */
  readonly name: string | undefined
}

/**
 * Environment variables by name, as `process.env` has them.
 *
 * @since 0.2.0
 * @category models
 */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The sockets that `LISTEN_FDS`, `LISTEN_FDNAMES` and `LISTEN_PID` announce, in order; none if the variables are missing or are
 * for another process. Throws an `OptionError` that names an invalid variable.
 *
 * @param environment default: `process.env`
 * @param pid the id of the process that inherits them; default: this one
 *
 * @since 0.2.0
 * @category constructors
 */
export const activatedSockets = (
  environment: Environment = process.env,
  pid: number = process.pid
): ReadonlyArray<ActivatedSocket> => {
  const { LISTEN_FDNAMES, LISTEN_FDS = "" } = environment
  if (activationFor(environment, pid) !== "this") return []
  const count = wholeNumber("LISTEN_FDS", LISTEN_FDS)
  if (count > mostDescriptors) {
    throw invalidOption("LISTEN_FDS", `at most ${mostDescriptors}`, count, setBy)
  }
  const names = LISTEN_FDNAMES === undefined || LISTEN_FDNAMES === "" ? undefined : LISTEN_FDNAMES.split(":")
  if (names !== undefined && names.length !== count) {
    throw invalidOption(
      "LISTEN_FDNAMES",
      `${count} ${count === 1 ? "name" : "names, one for each descriptor, between colons"}`,
      LISTEN_FDNAMES,
      setBy
    )
  }
  return Array.from({ length: count }, (_, i) => ({ fd: firstDescriptor + i, name: names?.[i] || undefined }))
}

/**
 * The process for which the variables announce sockets: this one, another one, or none. Throws an `OptionError` for an invalid
 * `LISTEN_PID`.
 *
 * @param environment default: `process.env`
 * @param pid this process
 *
 * @since 0.2.0
 * @category accessors
 */
export const activationFor = (
  { LISTEN_FDS, LISTEN_PID }: Environment = process.env,
  pid: number = process.pid
): "this" | "other" | "none" =>
  LISTEN_PID === undefined || LISTEN_FDS === undefined
    ? "none"
    : wholeNumber("LISTEN_PID", LISTEN_PID) === pid
    ? "this"
    : "other"

/**
 * The environment for child processes, without these variables, because the sockets are not for them.
 *
 * @param environment default: `process.env`
 *
 * @since 0.2.0
 * @category conversions
 */
export const withoutActivation = (environment: Environment = process.env): Record<string, string | undefined> => {
  const { LISTEN_FDNAMES: _names, LISTEN_FDS: _count, LISTEN_PID: _pid, LISTEN_PIDFDID: _id, ...rest } = environment
  return rest
}

/** SD_LISTEN_FDS_START */
const firstDescriptor = 3

/** The most descriptors of a process on Linux, unless `fs.nr_open` was raised. */
const mostDescriptors = 1_048_576

const setBy = "the service manager sets it"

const wholeNumber = (option: string, given: string): number => {
  const number = /^[0-9]{1,15}$/.test(given) ? Number(given) : NaN
  if (Number.isNaN(number)) throw invalidOption(option, "a whole number", given, setBy)
  return number
}
