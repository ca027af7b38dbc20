/**
 * Bounds on a form, by number and in bytes.
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
 * Bounds on one form (RFC 7578), beside those of @effect/platform's `Multipart`. A form that exceeds one is answered 413.
 * `Infinity` switches one off.
 *
 * @since 0.2.0
 * @category models
 */
export interface FormOptions {
  /** Number of fields that are no files; `Multipart.MaxParts` overrides it. Default 1000. */
  readonly maxFields?: number | undefined
  /**
   * Bytes of all fields' values together, which are held in memory. A larger `Multipart.MaxFieldSize` overrides it. Default
   * 10485760.
   */
  readonly maxFieldsSize?: number | undefined
  /** Number of files; `Multipart.MaxParts` overrides it. Default 100. */
  readonly maxFiles?: number | undefined
  /** Bytes of the whole form; `MaxBodySize` overrides it. Default `Infinity`: files go to disk, or are streamed. */
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
 * The settings for one form: those of its parser, and the bounds that are checked beside it.
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
  /** What is counted, for messages. */
  readonly what: string
  /** The option that sets it, for messages. */
  readonly option: string
}

/**
 * Combines this door's limits with the platform's, for the form that the running fiber is about to read.
 *
 * @since 0.2.0
 * @category conversions
 */
export const resolve = (headers: Record<string, string>, limits: FormLimits): Effect.Effect<FormConfig> =>
  Effect.flatMap(Multipart.makeConfig(headers), (config) =>
    Effect.contextWith((context: Context.Context<never>) => {
      const { maxFieldSize: eachField = Infinity, maxPartSize = Infinity, maxParts = Infinity } = config
      // what the program provides takes precedence over the server's options
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
        // the parser counts the bytes of fields towards the file that follows them, so files are counted here
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
