/**
 * The bounds on a form at the Effect door: its own, and those of the platform.
 *
 * @since 0.2.0
 */
import { MaxBodySize } from "@effect/platform/HttpIncomingMessage"
import * as Multipart from "@effect/platform/Multipart"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { boundsOf, type FormBound, type FormLimits } from "../server/FormLimits.js"
import { isGiven } from "./isGiven.js"

/**
 * The settings for one form: those of its parser, and the bounds that are checked beside it.
 *
 * @since 0.2.0
 * @category models
 */
export interface FormConfig {
  readonly parser: Effect.Effect.Success<ReturnType<typeof Multipart.makeConfig>>
  readonly fields: FormBound
  readonly fieldsSize: FormBound
  readonly fieldSize: FormBound
  readonly files: FormBound
  readonly fileSize: FormBound
  readonly parts: FormBound
  readonly totalSize: FormBound
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
      const own = boundsOf(limits)
      // the bounds that the program provides override the server's options
      const hasMaxParts = Option.isSome(Context.get(context, Multipart.MaxParts))
      const hasMaxBodySize = Option.isSome(Context.get(context, MaxBodySize))
      const hasLargerFields = isGiven(context, Multipart.MaxFieldSize) && eachField > limits.maxFieldsSize
      const fieldsSize = hasLargerFields
        ? { ...own.fieldsSize, most: eachField, option: "Multipart.MaxFieldSize" }
        : own.fieldsSize
      const fieldSize: FormBound = eachField > fieldsSize.most
        ? fieldsSize
        : { most: eachField, what: "bytes in a field", option: "Multipart.MaxFieldSize" }
      const totalSize = hasMaxBodySize
        ? { ...own.totalSize, most: config.maxTotalSize ?? Infinity, option: "MaxBodySize" }
        : own.totalSize
      return {
        // the parser counts the bytes of fields towards the file that follows them, so files are counted here
        parser: { ...config, maxPartSize: undefined, maxFieldSize: fieldSize.most, maxTotalSize: totalSize.most },
        fields: hasMaxParts ? { ...own.fields, most: Infinity } : own.fields,
        fieldsSize,
        fieldSize,
        files: hasMaxParts ? { ...own.files, most: Infinity } : own.files,
        fileSize: { most: maxPartSize, what: "bytes in a file", option: "Multipart.MaxFileSize" },
        parts: { most: maxParts, what: "parts", option: "Multipart.MaxParts" },
        totalSize
      }
    }))
