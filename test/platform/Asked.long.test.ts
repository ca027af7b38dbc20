/** Asked.test.ts, with every kind of app. */
import "./Asked.test.js"
