// What Panel draws a component with (`_render_code` in panel/models/reactive_esm.ts), as a file of ours.

function render(id) {
  const view = Bokeh.index.find_one_by_id(id)
  if (view == null) return null
  const output = view.render_fn({ view, model: view.model_proxy, data: view.model.data, el: view.container })
  Promise.resolve(output).then((out) => {
    if (out instanceof Element) view.container.replaceChildren(out)
    view.after_rendered()
  })
}

export default { render }
