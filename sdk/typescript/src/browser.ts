/** The file for a script tag: everything under the global `DossierRealtime`. */
export * from "./index.js";
