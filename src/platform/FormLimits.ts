/**
 * What a form may have, by number and in bytes, and what is said of one that has more.
 *
 * @since 0.2.0
 */
import { MaxBodySize } from "@effect/platform/HttpIncomingMessage"
import * as Multipart from "@effect/platform/Multipart"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { complete, type DefaultsOf } from "../server/checkOptions.js"
import { number } from "../server/optionKinds.js"

/**
 * Bounds on one form (RFC 7578), beside those of @effect/platform's `Multipart`; what passes one is answered 413. `Infinity`
 * is none.
 *
 * @since 0.2.0
 * @category models
 */
export interface FormOptions {
  /** Fields by number, those that are no files; `Multipart.MaxParts` goes before it. Default 1000. */
  readonly maxFields?: number | undefined
  /**
   * Bytes of all fields' values together, which are held in memory. A `Multipart.MaxFieldSize` that is provided and larger
   * lifts it. Default 10485760.
   */
  readonly maxFieldsSize?: number | undefined
  /** Files by number; `Multipart.MaxParts` goes before it. Default 100. */
  readonly maxFiles?: number | undefined
  /** Bytes of the whole form; `MaxBodySize` goes before it. Default `Infinity`: files go to disk, or are streamed. */
  readonly maxTotalSize?: number | undefined
}

/**
 * @since 0.2.0
 * @category models
 */
export type FormLimits = { readonly [K in keyof FormOptions]-?: number }

const amount = number({ whole: true, infinite: true })
const bytes = number({ whole: true, unit: "bytes", infinite: true })

/**
 * @since 0.2.0
 * @category constants
 */
export const table: DefaultsOf<FormLimits> = {
  maxFields: { ...amount, standard: 1000 },
  maxFieldsSize: { ...bytes, standard: 10_485_760 },
  maxFiles: { ...amount, standard: 100 },
  maxTotalSize: { ...bytes, standard: Infinity }
}

/**
 * @since 0.2.0
 * @category constructors
 */
export const make = (options?: FormOptions): FormLimits => complete(table, options)

/**
 * How to read one form: what its parser is told, what is counted beside it, and what the bounds are called.
 *
 * @since 0.2.0
 * @category models
 */
export interface FormConfig {
  readonly parser: Effect.Effect.Success<ReturnType<typeof Multipart.makeConfig>>
  readonly fields: Bound
  readonly fieldsSize: Bound
  readonly fieldSize: Bound
  readonly files: Bound
  readonly fileSize: Bound
  readonly parts: Bound
  readonly totalSize: Bound
}

/**
 * @since 0.2.0
 * @category models
 */
export interface Bound {
  readonly most: number
  /** What it bounds. */
  readonly what: string
  /** Whoever sets it. */
  readonly option: string
}

/**
 * This door's limits and the platform's, for the form that the running fiber is about to read.
 *
 * @since 0.2.0
 * @category conversions
 */
export const resolve = (headers: Record<string, string>, limits: FormLimits): Effect.Effect<FormConfig> =>
  Effect.flatMap(Multipart.makeConfig(headers), (config) =>
    Effect.contextWith((context: Context.Context<never>) => {
      const { maxFieldSize: eachField = Infinity, maxPartSize = Infinity, maxParts = Infinity } = config
      // what a program says for itself goes before what is said for the server
      const numbered = Option.isSome(Context.get(context, Multipart.MaxParts))
      const bounded = Option.isSome(Context.get(context, MaxBodySize))
      const lifted = context.unsafeMap.has(Multipart.MaxFieldSize.key) && eachField > limits.maxFieldsSize
      const fieldsSize: Bound = {
        most: lifted ? eachField : limits.maxFieldsSize,
        what: "bytes of fields",
        option: lifted ? "Multipart.MaxFieldSize" : "forms.maxFieldsSize"
      }
      const fieldSize: Bound = eachField > fieldsSize.most
        ? fieldsSize
        : { most: eachField, what: "bytes in a field", option: "Multipart.MaxFieldSize" }
      const totalSize: Bound = bounded
        ? { most: config.maxTotalSize ?? Infinity, what: "bytes", option: "MaxBodySize" }
        : { most: limits.maxTotalSize, what: "bytes", option: "forms.maxTotalSize" }
      return {
        // the parser adds the bytes of fields to those of the file behind them: files are counted here
        parser: { ...config, maxPartSize: undefined, maxFieldSize: fieldSize.most, maxTotalSize: totalSize.most },
        fields: { most: numbered ? Infinity : limits.maxFields, what: "fields", option: "forms.maxFields" },
        fieldsSize,
        fieldSize,
        files: { most: numbered ? Infinity : limits.maxFiles, what: "files", option: "forms.maxFiles" },
        fileSize: { most: maxPartSize, what: "bytes in a file", option: "Multipart.MaxFileSize" },
        parts: { most: maxParts, what: "parts", option: "Multipart.MaxParts" },
        totalSize
      }
    }))
