// The reader's choices, kept in the address so that a view can be shared.

const state = {
  partition: data.partitions.length ? data.partitions[0].id : '',
  track: '',
  form: '',
  condition: '',
  family: '',
  demonstrations: '',
  find: '',
  grouping: 'all',
  sort: 'rank',
  descending: false,
  plotFamily: (families.find((family) => family.ranked) || families[0] || { id: '' }).id,
  costMeasure: 'env_steps',
  surfaceFamily: '',
  fineTuneFamily: '',
  cell: '',
  selected: [],
  open: new Set(),
};

const SHARED = ['grouping', 'partition', 'track', 'form', 'condition', 'family', 'demonstrations', 'find', 'sort'];

function inPartition(row) {
  return row.kind === 'published' || row.partition === state.partition;
}

function visible(row) {
  if (!inPartition(row)) return false;
  // The paper's other settings are on one family each; they are shown when asked for.
  const asked = state.family || state.demonstrations || state.find;
  if (row.kind === 'published' && !asked && Object.keys(row.families).length < 2) return false;
  if (state.track && row.kind !== 'reference' && row.track !== state.track) return false;
  if (state.form && row.kind !== 'reference' && row.state_only !== (state.form === 'state-only')) return false;
  if (state.family && !row.families[state.family]) return false;
  if (state.condition && row.kind !== 'reference' && conditionOf(row, state.family) !== state.condition) return false;
  if (state.demonstrations && row.kind !== 'reference') {
    if (!demonstrationsOf(row, state.family).includes(Number(state.demonstrations))) return false;
  }
  if (state.find) {
    const text = [row.title, row.name || '', ...(row.authors || data.published.authors)].join(' ');
    if (!text.toLocaleLowerCase().includes(state.find.toLocaleLowerCase())) return false;
  }
  return true;
}

function toggleSelected(id) {
  if (state.selected.includes(id)) {
    state.selected = state.selected.filter((one) => one !== id);
  } else if (state.selected.length < MAX_SERIES) {
    state.selected = [...state.selected, id];
  } else {
    return false;
  }
  return true;
}

// An entry keeps its colour while it is drawn.
const slots = new Map();
function slotOf(id) {
  for (const key of [...slots.keys()]) if (!state.selected.includes(key)) slots.delete(key);
  if (!slots.has(id)) {
    const used = new Set(slots.values());
    let free = 0;
    while (used.has(free)) free += 1;
    slots.set(id, free);
  }
  return slots.get(id);
}

function selectDefaults() {
  const best = (a, b) => {
    const [x, y] = [a, b].map((row) => (score(row, '') || [-Infinity])[0]);
    return y - x || a.title.localeCompare(b.title);
  };
  state.selected = data.rows
    .filter((row) => competes(row) && row.partition === state.partition)
    .sort(best)
    .slice(0, 4)
    .map((row) => row.id);
}

function readAddress() {
  const given = new URLSearchParams(location.hash.startsWith('#?') ? location.hash.slice(2) : '');
  for (const name of SHARED) if (given.has(name)) state[name] = given.get(name);
  state.descending = given.get('order') === 'descending';
  if (!data.partitions.some((one) => one.id === state.partition)) {
    state.partition = data.partitions.length ? data.partitions[0].id : '';
  }
  if (!['all', 'track'].includes(state.grouping)) state.grouping = 'all';
  if (state.family && !familyById.has(state.family)) state.family = '';
  if (!CONDITIONS.includes(state.condition)) state.condition = '';
  if (state.family) state.plotFamily = state.family;
}

function writeAddress() {
  const kept = new URLSearchParams();
  const usual = { grouping: 'all', partition: data.partitions.length ? data.partitions[0].id : '', sort: 'rank' };
  for (const name of SHARED) if (state[name] && state[name] !== usual[name]) kept.set(name, state[name]);
  if (state.descending) kept.set('order', 'descending');
  const text = kept.toString();
  try {
    history.replaceState(null, '', text ? `#?${text}` : location.pathname + location.search);
  } catch {
    // Some browsers do not let a page on disk change its address; the view then cannot be shared.
  }
}
