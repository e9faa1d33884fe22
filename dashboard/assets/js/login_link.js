// The key of a one-time link is in the fragment, which browsers send to no server: one click logs in with it.
const key = location.hash.slice(1);
if (/^[\w-]{16,64}$/.test(key)) {
  history.replaceState(null, "", location.pathname + location.search);
  const template = document.getElementById("login-by-link");
  template.after(template.content.cloneNode(true));
  const form = document.getElementById("by-link");
  form.elements.key.value = key;
  form.querySelector("button").focus();
}
