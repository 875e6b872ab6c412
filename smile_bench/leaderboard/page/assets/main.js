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
  byId('trust').hidden = data.replayed;
  byId('published-note').replaceChildren(
    outward(data.published.address, data.published.title),
    `, ${data.published.venue}. ${data.published.note}`,
  );
  byId('tracks').replaceChildren(
    ...data.tracks.flatMap((track) => [el('dt', {}, trackTitle(track.id)), el('dd', {}, track.rule)]),
  );
}

// Which method is best, in words: overall and on each track.
function drawAnswer() {
  const family = state.family;
  const found = data.rows
    .filter((row) => placeOf(row, family) && row.partition === state.partition)
    .filter((row) => conditionOf(row, family) === (state.condition || CONDITIONS[0]))
    .sort((a, b) => placeOf(a, family) - placeOf(b, family) || score(b, family)[0] - score(a, family)[0]);
  const ranked = families.filter((one) => one.ranked).map((one) => one.title);
  byId('ranking-note').textContent = family
    ? `The score is over the tasks of ${familyById.get(family).title} alone.`
    : `The overall score is over ${ranked.join(', ')}.`;
  const firsts = data.tracks
    .map((track) => [trackTitle(track.id), found.find((row) => row.track === track.id)])
    .filter(([, row]) => row);
  byId('answer').replaceChildren(
    ...(found.length ? [answerLine(family ? `Best on ${familyById.get(family).title}` : 'Best overall', found[0], found)] : []),
    ...(firsts.length > 1 ? firsts.map(([title, row]) => answerLine(`Best ${title.toLocaleLowerCase()}`, row, null)) : []),
  );
}

function answerLine(title, row, all) {
  const own = score(row, state.family);
  const seeds = trained(row, state.family) ? seedsText(fewestSeeds(row, state.family)) : 'not trained';
  const facts = [`${plain(own[0])} (${interval(own)})`, seeds, statusOf(row).label];
  const others = (all || []).filter((one) => one !== row);
  const titles = (some) => some.map((one) => one.title).join(', ');
  const near = others.filter((one) => score(one, state.family)[2] >= own[1]);
  if (near.length) facts.push(`its interval overlaps that of ${titles(near)}`);
  const equal = others.filter((one) => placeOf(one, state.family) === placeOf(row, state.family));
  if (equal.length) facts.push(`it shares its rank with ${titles(equal)}`);
  return el('div', {}, el('dt', {}, title), el('dd', {}, el('strong', {}, row.title), ` ${facts.join('; ')}`));
}

function drawAll(message) {
  drawFilters();
  drawTable();
  drawPlots();
  drawComparison();
  drawFineTuned();
  drawSurfaces();
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
  requestAnimationFrame(() => {
    drawPlots();
    drawProfile();
  });
}).observe(document.documentElement);
