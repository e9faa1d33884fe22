// Loads Panel's modules by their address. It replaces es-module-shims, which makes them from text and so needs `blob:`.
//
// Panel imports two: the component, whose address is ours, and a constant module of its own that draws it, which Panel
// makes into a blob and which stands in render.mjs.

window.importShim = (address) => import(address.startsWith("blob:") ? "/assets/render.mjs" : address)
window.importShim.addImportMap = () => {}
