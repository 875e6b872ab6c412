// The details below an open row: description, links and evidence.

function detail(row) {
  const links = [];
  const paper = row.kind === 'published' ? data.published.address : row.paper;
  if (paper) links.push(outward(paper, 'Paper'));
  const code = codeLink(row, 'Code');
  if (code) links.push(code);
  return el(
    'div', { class: 'detail-box' },
    row.description ? el('p', {}, row.description) : null,
    row.kind === 'published'
      ? el('p', {}, `${data.published.title}. ${data.published.authors.join(', ')}, ${data.published.venue}. ${data.published.note}`)
      : null,
    links.length ? el('p', { class: 'links' }, links) : null,
    el(
      'div', { class: 'detail-scroll', tabindex: 0, role: 'region', 'aria-label': `Results of ${row.title}` },
      row.kind === 'published' ? publishedDetail(row) : resultDetail(row),
    ),
  );
}

// A card's own link, or the code in this repository of an agent that ships.
function codeLink(row, text) {
  if (row.code) return outward(row.code, text);
  return row.source ? el('a', { href: row.source, 'aria-label': `Code of ${row.title}` }, text) : null;
}

function plainTable(headers, lines) {
  return el(
    'table', { class: 'plain' },
    el('thead', {}, el('tr', {}, headers.map((header) => el('th', { scope: 'col' }, header)))),
    el(
      'tbody', {},
      lines.map((line) =>
        el('tr', {}, line.map((cell, i) => el(i ? 'td' : 'th', i ? {} : { scope: 'row' }, ...[cell].flat()))),
      ),
    ),
  );
}

function familiesOf(row) {
  return families.filter((family) => row.families[family.id]);
}

function publishedDetail(row) {
  return plainTable(
    ['Family', 'Printed', 'Demonstrations', 'Subsampled', 'Source'],
    familiesOf(row).map((family) => {
      const part = row.families[family.id];
      const printed = Object.entries(part.metrics).map(
        ([name, [mean, deviation]]) => `${name.replace(/_/g, ' ')} ${mean} ± ${deviation}`,
      );
      if (part.score) printed.push(`custom metric ${plain(part.score[0])} ± ${plain(part.score[1])}`);
      return [family.title, printed.join('; '), part.demonstrations, part.subsample > 1 ? `× ${part.subsample}` : 'no', part.source];
    }),
  );
}

// One line per seed, with a link to each of its results.
function evidenceList(part) {
  const seeds = new Map();
  for (const one of part.evidence) {
    const [seed, evaluation] = one.label.split(', ');
    const link = el('a', { href: `${data.evidence}${one.path}/result.json`, 'aria-label': one.label }, evaluation.replace(/^1 shots$/, '1 shot'));
    seeds.set(seed, [...(seeds.get(seed) || [`${seed}: `]), link, ' ']);
  }
  return el('ul', { class: 'evidence' }, [...seeds.values()].map((links) => el('li', {}, links)));
}

const gapText = (fresh) => `${fresh.gap > 0 ? '+' : ''}${plain(fresh.gap)} ± ${plain(fresh.gap_error)}`;

// What was measured apart from the build.
function furtherLines(part) {
  const lines = [];
  if (part.fresh) lines.push(`fresh set: ${plain(part.fresh.fresh)}, frozen ${plain(part.fresh.frozen)}, gap ${gapText(part.fresh)} (means, season ${part.fresh.season})`);
  if (part.retrained) lines.push(`new trainings: ${part.retrained.scores.map((x) => plain(x)).join(', ')} (means${part.retrained.agrees ? '' : '; the entry’s score is outside their interval'})`);
  return lines.map((text) => el('span', { class: 'line' }, text));
}

function trainedOn(part) {
  if (!part.trained) return ['not trained', `${part.demonstrations} demonstrations a task`];
  if (!part.demonstrations) return ['no demonstrations', ...(part.coverage === null ? [] : [`${percent(part.coverage)} of the cells reached`])];
  return [`condition: ${part.condition}`, `${part.demonstrations} demonstrations a task`];
}

function resultDetail(row) {
  return plainTable(
    ['Family', 'Interquartile mean', 'Mean', 'Optimality gap', 'Seeds', 'Training', 'Checked', 'Results'],
    familiesOf(row).map((family) => {
      const part = row.families[family.id];
      return [
        family.title,
        `${plain(part.score.iqm[0])} (${interval(part.score.iqm)})`,
        `${plain(part.score.mean[0])} (${interval(part.score.mean)})`,
        plain(part.score.gap[0]),
        `${part.seeds.length} (${part.seeds.join(', ')})`,
        [
          ...trainedOn(part),
          `${amount(part.cost.env_steps)} steps`,
          `${amount(part.cost.expert_queries)} queries`,
          `${amount(part.cost.hours)} hours`,
        ].map((text) => el('span', { class: 'line' }, text)),
        [
          el('span', { class: 'line' }, part.status.label),
          part.shots_status ? el('span', { class: 'line' }, `shot curve: ${part.shots_status.label}${part.shots_measured ? '' : ' (not drawn)'}`) : null,
          ...furtherLines(part),
        ],
        [evidenceList(part), el('span', { class: 'line muted' }, `protocol ${part.protocol_version}`)],
      ];
    }),
  );
}
