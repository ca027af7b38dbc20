/**
 * Bounds on a form, in number and bytes, for both doors.
 *
 * @since 0.2.0
 */
import { complete, type DefaultsOf } from "./checkOptions.js"
import { number } from "./optionKinds.js"

/**
 * Bounds on one form (RFC 7578), whose parts are read into memory or written to disk. A form that exceeds one is answered 413.
 * `Infinity` switches a bound off.
 *
 * @since 0.2.0
 * @category models
 */
export interface FormOptions {
  /** Number of fields that are not files; at the Effect door `Multipart.MaxParts` overrides it. Default 1000. */
  readonly maxFields?: number | undefined
  /**
   * Bytes of the values of all fields together, which are held in memory. At the Effect door a larger `Multipart.MaxFieldSize`
   * overrides it. Default 10485760.
   */
  readonly maxFieldsSize?: number | undefined
  /** Number of files; at the Effect door `Multipart.MaxParts` overrides it. Default 100. */
  readonly maxFiles?: number | undefined
  /**
   * Bytes of the whole form. At the plain door, where the form is in memory, `limits.wholeBody` bounds it too. At the Effect
   * door, where files go to disk or are streamed, `MaxBodySize` overrides it. Default `Infinity`.
   */
  readonly maxTotalSize?: number | undefined
}

/**
 * {@link FormOptions} with all defaults.
 *
 * @since 0.2.0
 * @category models
 */
export type FormLimits = { readonly [K in keyof FormOptions]-?: number }

const amount = number({ whole: true, infinite: true })
const bytes = number({ whole: true, unit: "bytes", infinite: true })

/**
 * The options of a form.
 *
 * @since 0.2.0
 * @category constants
 */
export const table: DefaultsOf<FormLimits> = {
  maxFields: { ...amount, defaultValue: 1000 },
  maxFieldsSize: { ...bytes, defaultValue: 10_485_760 },
  maxFiles: { ...amount, defaultValue: 100 },
  maxTotalSize: { ...bytes, defaultValue: Infinity }
}

/**
 * Completes the options with the defaults.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (options?: FormOptions): FormLimits => complete(table, options)

/**
 * One bound.
 *
 * @since 0.2.0
 * @category models
 */
export interface FormBound {
  readonly most: number
  /** What is counted, for messages. */
  readonly what: string
  /** The option that sets it, for messages. */
  readonly option: string
}

/**
 * All bounds on a form.
 *
 * @since 0.2.0
 * @category conversions
 */
export const boundsOf = (limits: FormLimits): Record<"fields" | "fieldsSize" | "files" | "totalSize", FormBound> => ({
  fields: { most: limits.maxFields, what: "fields", option: "forms.maxFields" },
  fieldsSize: { most: limits.maxFieldsSize, what: "bytes of fields", option: "forms.maxFieldsSize" },
  files: { most: limits.maxFiles, what: "files", option: "forms.maxFiles" },
  totalSize: { most: limits.maxTotalSize, what: "bytes", option: "forms.maxTotalSize" }
})

/**
 * The message for a form that exceeds a bound.
 *
 * @since 0.2.0
 * @category conversions
 */
export const exceeds = ({ most, option, what }: FormBound): string =>
  `the form has more than ${most} ${what} (${option})`
