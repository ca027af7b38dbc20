/** Target.test.ts, with more examples. */
import "./Target.test.js"
