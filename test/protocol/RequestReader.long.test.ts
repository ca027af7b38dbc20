/** RequestReader.test.ts, with more examples. */
import "./RequestReader.test.js"
