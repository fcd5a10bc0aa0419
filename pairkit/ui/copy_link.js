// Copies the address of the page. Where the browser refuses its clipboard, the address is shown, selected, to be copied by hand.
const SAID_FOR_MS = 2500;

async function copied(field, text) {
  try {
    await navigator.clipboard.writeText(text); // absent over http from another machine
    return true;
  } catch {
    field.value = text;
    field.hidden = false;
    field.select();
    return document.execCommand("copy");
  }
}

export default function ({ parentElement, data }) {
  const button = parentElement.querySelector(".pk-copy button");
  const said = parentElement.querySelector(".pk-answer [role=status]"), field = parentElement.querySelector(".pk-answer input");
  button.querySelector(".pk-words").textContent = data.words;
  button.setAttribute("aria-label", data.words);
  button.title = data.help;
  field.setAttribute("aria-label", data.field);
  let silence;
  button.onclick = async () => {
    clearTimeout(silence);
    const done = await copied(field, window.location.href);
    field.hidden = done;
    said.textContent = done ? data.copied : data.refused;
    if (done) silence = setTimeout(() => { said.textContent = ""; }, SAID_FOR_MS);
  };
  field.onblur = () => { field.hidden = true; said.textContent = ""; };
  return () => clearTimeout(silence);
}
