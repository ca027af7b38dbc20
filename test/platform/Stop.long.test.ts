/** Stop.test.ts, with every kind of app. */
import "./Stop.test.js"
