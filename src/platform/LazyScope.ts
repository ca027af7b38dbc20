export { LazyScope } from "../server/LazyScope.js"
