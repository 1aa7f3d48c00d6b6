// asv-tachyon labels the ticks between two releases with fractions of a revision: leave them blank.
const readJson = Response.prototype.json;
Response.prototype.json = async function () {
  const data = await readJson.call(this);
  if (data && data.revision_to_hash) {
    data.revision_to_hash = new Proxy(data.revision_to_hash, {
      get: (names, key) => (/^\d+\.\d+$/.test(String(key)) ? " " : names[key]),
    });
  }
  return data;
};

// Its axes have room for bare numbers and for short hashes: the unit stands beside the title, and a
// release's name that would run into the one before it is left out.
const fillText = CanvasRenderingContext2D.prototype.fillText;
let before = { x: Infinity, y: NaN, end: NaN };
CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...rest) {
  let shown = String(text);
  if (this.textAlign === "right") shown = shown.split(" ")[0];
  if (this.textAlign === "center" && shown.trim()) {
    const half = this.measureText(shown).width / 2;
    if (y === before.y && x > before.x && x - half < before.end) return;
    before = { x, y, end: x + half + 10 };
  }
  fillText.call(this, shown, x, y, ...rest);
};
