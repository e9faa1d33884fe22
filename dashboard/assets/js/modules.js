// Loads Panel's modules by their address, in place of es-module-shims, which makes them from text and so needs `blob:`.
//
// Panel asks for two: the component, whose address is ours, and a few lines of its own that draw it, which it makes into a
// blob. They are always the same, and stand in render.mjs.

window.importShim = (address) => import(address.startsWith("blob:") ? "/assets/render.mjs" : address)
window.importShim.addImportMap = () => {}
