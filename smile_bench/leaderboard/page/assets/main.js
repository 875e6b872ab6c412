// Puts everything on the page.

function drawFacts() {
  const ranked = families.filter((family) => family.ranked);
  const entries = new Set(data.rows.filter((row) => row.kind === 'entry').map((row) => row.name));
  const partition = data.partitions[0];
  const facts = [
    ['Entries', String(entries.size)],
    ['Ranked families', String(ranked.length)],
    ['Protocol', partition ? partition.protocol : '–'],
    ['MuJoCo', partition ? partition.mujoco : '–'],
  ];
  byId('facts').replaceChildren(...facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
  byId('ranking-note').textContent = `The overall score is over ${ranked.map((family) => family.title).join(', ')}.`;
  byId('published-note').replaceChildren(
    outward(data.published.address, data.published.title),
    `, ${data.published.venue}. ${data.published.note}`,
  );
  byId('tracks').replaceChildren(
    ...data.tracks.flatMap((track) => [el('dt', {}, trackTitle(track.id)), el('dd', {}, track.rule)]),
  );
}

function drawAll(message) {
  drawFilters();
  drawTable();
  drawPlots();
  if (message) byId('count').textContent = message;
}

readAddress();
selectDefaults();
drawFacts();
drawAll();

let width = document.documentElement.clientWidth;
new ResizeObserver(() => {
  if (document.documentElement.clientWidth === width) return;
  width = document.documentElement.clientWidth;
  requestAnimationFrame(drawPlots);
}).observe(document.documentElement);
