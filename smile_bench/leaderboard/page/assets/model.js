// The data of the page, and how its numbers are written.

const data = JSON.parse(byId('data').textContent);
const families = data.families;
const familyById = new Map(families.map((family) => [family.id, family]));
const MAX_SERIES = 8;

const TRACK_TITLES = {
  offline: 'Offline',
  interactive: 'Interactive',
  'expert-queries': 'Expert queries',
  rewards: 'Rewards',
  unsupervised: 'Unsupervised',
  'fine-tune': 'Fine-tune',
};
const trackTitle = (track) => TRACK_TITLES[track] || track;

function plain(value, digits = 3) {
  if (value === null || value === undefined) return '–';
  return value.toFixed(digits).replace('-', '−');
}

// At most four significant digits.
function short(value) {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return String(Math.round(value)).replace('-', '−');
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return plain(value, digits);
}

function amount(value) {
  if (value === null || value === undefined) return '–';
  if (value >= 1e9) return `${trim(value / 1e9)}\u00a0G`;
  if (value >= 1e6) return `${trim(value / 1e6)}\u00a0M`;
  if (value >= 1e4) return `${trim(value / 1e3)}\u00a0k`;
  return trim(value);
}

function trim(value) {
  const text = value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

const interval = (estimate) => `${plain(estimate[1])} to ${plain(estimate[2])}`;
const withUnit = (text, metric) => (metric.unit && text !== '–' ? `${text}\u00a0${metric.unit}` : text);
const primary = (family) => family.metrics[0];

// Sum of a cost over families; null where a family does not state it.
function totalCost(row, name) {
  const parts = Object.values(row.families);
  if (!parts.length || parts.some((part) => !part.cost)) return null;
  const values = parts.map((part) => part.cost[name]);
  return values.includes(null) ? null : values.reduce((a, b) => a + b, 0);
}

function cost(row, name, family) {
  if (!family) return totalCost(row, name);
  const part = row.families[family];
  return part && part.cost ? part.cost[name] : null;
}

// The score that ranks a row, overall or on one family: [value, low, high].
function score(row, family) {
  if (row.kind === 'published') return null;
  if (!family) return row.overall ? row.overall.iqm : null;
  const part = row.families[family];
  return part ? part.score.iqm : null;
}

const competes = (row) => row.kind === 'entry' && !row.apart;

// The rank within a row's track and form.
function rankOf(row, family) {
  if (!competes(row)) return null;
  if (!family) return row.rank;
  const part = row.families[family];
  return part ? part.rank : null;
}

// The rank across tracks and forms.
function placeOf(row, family) {
  if (!competes(row)) return null;
  const part = family ? row.families[family] : row;
  return part ? part.place : null;
}

// The condition of a row's trainings; the paper's rows have other demonstrations, so none of these.
function conditionOf(row, family) {
  const part = family ? row.families[family] : row;
  return (part && part.condition) || null;
}

// The canonical condition first.
const CANONICAL = 'canonical';
const CONDITIONS = [...new Set(data.rows.flatMap((row) => [row, ...Object.values(row.families)]).map((part) => part.condition))]
  .sort((a, b) => (b === CANONICAL) - (a === CANONICAL) || a.localeCompare(b));

const trained = (row, family) => (family ? [row.families[family]] : Object.values(row.families)).some((part) => part.trained);
const restsOnOneSeed = (row, family) => (family ? row.families[family] : row).one_seed;

// How far the last checkpoint of a training was from the best along the way, relative to the best.
const gapToBest = (best, last) => Math.abs(last - best) / Math.max(Math.abs(best), 1e-12);
const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

// Training seeds on the family with the fewest, or on one family.
function fewestSeeds(row, family) {
  const parts = family ? [row.families[family]] : Object.values(row.families);
  return Math.min(...parts.map((part) => (part.seeds || []).length));
}

function demonstrationsOf(row, family) {
  const parts = family ? [row.families[family]].filter(Boolean) : Object.values(row.families);
  return [...new Set(parts.map((part) => part.demonstrations))].sort((a, b) => a - b);
}

const everyRow = [...data.rows, ...data.published.rows];
const rowById = new Map(everyRow.map((row) => [row.id, row]));

function publishedNote() {
  const hidden = state.family || state.demonstrations || state.find;
  return `As printed in the paper: unverified, not ranked.${hidden ? '' : ' Choose a family to see the other settings.'}`;
}

// The heading under which a row is shown.
function groupOf(row) {
  if (row.apart) {
    return {
      key: 'apart',
      title: 'Not replayed exactly',
      note: 'These numbers were not made again to the last bit in this build. Not ranked.',
    };
  }
  if (row.kind === 'published') {
    return { key: 'published', title: 'Published', note: publishedNote() };
  }
  if (row.kind === 'reference') {
    return { key: 'reference', title: 'References', note: 'Privileged: they see the task. Not ranked.' };
  }
  const condition = conditionOf(row, state.family);
  const [suffix, words] = condition === CANONICAL ? ['', ''] : [`/${condition}`, ` · ${condition}`];
  if (state.grouping === 'all') {
    return { key: `all${suffix}`, title: `All tracks${words}`, note: 'Ranked by score, whatever training used.' };
  }
  const track = data.tracks.find((one) => one.id === row.track);
  return {
    key: `${row.track}/${row.state_only}${suffix}`,
    title: trackTitle(row.track) + (row.state_only ? ' · state-only' : '') + words,
    note: track ? track.rule : '',
  };
}

const GROUP_ORDER = [
  ...CONDITIONS.map((condition) => (condition === CANONICAL ? '' : `/${condition}`)).flatMap((suffix) => [
    `all${suffix}`,
    ...data.tracks.flatMap((track) => [`${track.id}/false${suffix}`, `${track.id}/true${suffix}`]),
  ]),
  'apart',
  'reference',
  'published',
];
