//// 1 Look
// Find a concept by label
// In any language, best first. :param text => '跑鞋'
CALL db.index.fulltext.queryNodes('concept_labels', $text) YIELD node, score
RETURN node AS concept, node.id AS id, node.name AS name, node.prefLabel AS labels, round(score, 2) AS score
ORDER BY score DESC, id LIMIT 50;

// Find a concept by its id
// :param id => 'running'
MATCH (concept:Concept {id: $id}) RETURN concept;

// Neighbourhood of a concept
// Everything one step away, without items. :param id => 'shoes'
MATCH (concept:Concept {id: $id})
OPTIONAL MATCH (concept)-[relation]-(other:Concept)
RETURN concept, relation, other LIMIT 300;

// Paths to the top
// Every chain of broader concepts. :param id => 'running'
MATCH way = (:Concept {id: $id})-[:BROADER*0..30]->(top:Concept)
WHERE NOT EXISTS { (top)-[:BROADER]->(:Concept) }
RETURN way LIMIT 100;

// Narrower concepts
// Up to three steps down. :param id => 'shoes'
MATCH way = (:Concept {id: $id})<-[:BROADER*0..3]-(:Concept)
RETURN way LIMIT 500;

// The attributes of a category
// Asserted on it or inherited from broader categories. :param id => 'running'
MATCH (category:Category {id: $id})-[:BROADER*0..30]->(from:Category)<-[:APPLIES_TO]-(attribute:Attribute)
OPTIONAL MATCH (value:Value)-[:VALUE_OF]->(attribute)
RETURN attribute.name AS attribute, attribute.id AS id, coalesce(attribute.choice, 'multiple') AS choice,
  collect(DISTINCT CASE from WHEN category THEN 'itself' ELSE from.name END) AS because_of,
  count(DISTINCT value) AS values
ORDER BY attribute, id;

// The values of an attribute
// As a graph. :param id => 'colour'
MATCH (attribute:Attribute {id: $id})<-[home:VALUE_OF]-(value:Value)
OPTIONAL MATCH (value)-[broader:BROADER]->(:Value)
RETURN attribute, home, value, broader LIMIT 300;

// Top concepts
// With the number of concepts directly below each.
MATCH (top:Concept:Category) WHERE NOT EXISTS { (top)-[:BROADER]->(:Concept) }
RETURN top.scheme AS scheme, top.name AS name, top.id AS id, COUNT { (top)<-[:BROADER]-() } AS narrower
ORDER BY scheme, name, id LIMIT 500;

// Counts
// Concepts by scheme and kind.
MATCH (concept:Concept)
RETURN concept.scheme AS scheme, [label IN labels(concept) WHERE label <> 'Concept'] AS kind, count(*) AS concepts
ORDER BY scheme, kind;

//// 2 Check
// Orphans
// Concepts without a relation to another one.
MATCH (concept:Concept) WHERE NOT EXISTS { (concept)--(:Concept) }
RETURN concept.scheme AS scheme, concept.name AS name, concept.id AS id, labels(concept) AS kind
ORDER BY scheme, name, id LIMIT 500;

// Duplicates among siblings
// The same name twice below one concept.
MATCH (one:Concept)-[:BROADER|VALUE_OF]->(parent:Concept)<-[:BROADER|VALUE_OF]-(two:Concept)
WHERE elementId(one) < elementId(two) AND toLower(one.name) = toLower(two.name)
RETURN DISTINCT one.name AS name, one.id AS one, two.id AS two, parent.name AS below, parent.id AS parent
ORDER BY name, one, two LIMIT 500;

// Duplicates in a scheme
// The same preferred label, letter case aside, on several concepts of one kind.
MATCH (concept:Concept) UNWIND concept.prefLabel AS label
WITH concept.scheme AS scheme, toLower(label) AS label, labels(concept) AS kind, collect(DISTINCT concept.id) AS ids
WHERE size(ids) > 1
RETURN scheme, label, kind, ids ORDER BY size(ids) DESC, scheme, label LIMIT 500;

// Missing translations
// Concepts without a preferred label in a language that others of their scheme have. :param lang => 'zh'
MATCH (concept:Concept)
WHERE coalesce(concept.status, 'active') <> 'deprecated'
  AND none(label IN coalesce(concept.prefLabel, []) WHERE label ENDS WITH '@' + $lang)
RETURN concept.scheme AS scheme, concept.name AS name, concept.id AS id, concept.prefLabel AS labels
ORDER BY scheme, name, id LIMIT 500;

// Attributes with too few values
// Attributes with fewer than two values.
MATCH (attribute:Attribute) WHERE COUNT { (attribute)<-[:VALUE_OF]-() } < 2
RETURN attribute.scheme AS scheme, attribute.name AS name, attribute.id AS id,
  COUNT { (attribute)<-[:VALUE_OF]-() } AS values
ORDER BY scheme, name, id LIMIT 500;

// Deprecated without a successor
// Tags of these concepts can't be moved.
MATCH (concept:Concept {status: 'deprecated'}) WHERE NOT EXISTS { (concept)-[:REPLACED_BY]->(:Concept) }
RETURN concept.name AS name, concept.id AS id, COUNT { (concept)<-[:TAGGED]-() } AS items
ORDER BY items DESC, name, id LIMIT 500;

//// 3 Follow
// Recent changes
// The last change sets made through kgtag, newest first.
MATCH (change:ChangeSet)
RETURN change.version AS version, change.at AS at, change.author AS author, change.reason AS reason,
  coalesce(change['origin'], 'kgtag') AS origin,
  coalesce(change['summary'], toString(size(change.changes)) + ' changes') AS summary
ORDER BY version DESC LIMIT 50;

// Changes of one concept
// Change sets that touch it, newest first. :param id => 'running'
MATCH (change:ChangeSet)
WHERE $id IN coalesce(change['concepts'], [])
  OR any(line IN change.changes WHERE line CONTAINS '"' + $id + '"')
RETURN change.version AS version, change.at AS at, change.author AS author, change.reason AS reason,
  [line IN change.changes WHERE line CONTAINS '"' + $id + '"'][..5] AS changes
ORDER BY version DESC LIMIT 50;

// Open proposals
// With the concepts they are about.
MATCH (proposal:Proposal) WHERE coalesce(proposal['status'], 'open') = 'open'
OPTIONAL MATCH (proposal)-[about:ABOUT]->(concept:Concept)
RETURN proposal, about, concept ORDER BY proposal['created'] LIMIT 200;

// Candidates
// Concepts that wait for approval.
MATCH (concept:Concept {status: 'candidate'})
RETURN concept.scheme AS scheme, concept.name AS name, concept.id AS id, labels(concept) AS kind
ORDER BY scheme, name, id LIMIT 500;

//// 4 Items
// Item coverage
// Concepts by number of items, most used first.
MATCH (concept:Concept)<-[tag:TAGGED]-(item:Item) WHERE coalesce(tag.status, 'accepted') = 'accepted'
RETURN concept.name AS name, concept.id AS id, labels(concept) AS kind, count(DISTINCT item) AS items
ORDER BY items DESC, id LIMIT 200;

// Concepts without items
// Active concepts that no item has.
MATCH (concept:Concept)
WHERE coalesce(concept.status, 'active') = 'active' AND NOT EXISTS { (concept)<-[:TAGGED]-(:Item) }
RETURN concept.scheme AS scheme, concept.name AS name, concept.id AS id, labels(concept) AS kind
ORDER BY scheme, name, id LIMIT 500;

// Items of a concept
// With all their tags. :param id => 'sneakers'
MATCH (:Concept {id: $id})<-[:TAGGED]-(item:Item) WITH item ORDER BY item.id LIMIT 25
MATCH (item)-[tag:TAGGED]->(concept:Concept)
RETURN item, tag, concept;

// Doubtful tags
// The least probable accepted ones first.
MATCH (item:Item)-[tag:TAGGED]->(concept:Concept) WHERE coalesce(tag.status, 'accepted') = 'accepted'
RETURN item.id AS item, item.title AS title, concept.name AS concept, tag.probability AS probability
ORDER BY probability, item, concept LIMIT 100;

//// 5 Quarantine
// Concepts without a sound id
// Repair: MATCH (c:Concept) WHERE elementId(c) = '…' SET c.id = 'scheme:a-name-that-stays'
MATCH (concept:Concept)
WHERE concept.id IS NULL OR concept.id IS NOT :: STRING OR trim(toStringOrNull(concept.id)) = ''
  OR trim(toStringOrNull(concept.id)) <> concept.id
RETURN concept, elementId(concept) AS element, concept.id AS id, concept.name AS name LIMIT 200;

// Nodes without the label Concept
// Drawn as a Category, Attribute or Value only, so kgtag doesn't see them. Repair: … SET n:Concept
MATCH (n:Category|Attribute|Value) WHERE NOT n:Concept
RETURN n, elementId(n) AS element, n.id AS id, n.name AS name LIMIT 200;

// Concepts without a kind or with several
// Repair: MATCH (c:Concept {id: '…'}) REMOVE c:Attribute:Value SET c:Category
MATCH (concept:Concept)
WHERE size([label IN labels(concept) WHERE label IN ['Category', 'Attribute', 'Value']]) <> 1
RETURN concept, concept.id AS id, concept.name AS name, labels(concept) AS kind LIMIT 200;

// Concepts without a label
// Repair: MATCH (c:Concept {id: '…'}) SET c.prefLabel = ['Shoes@en', '鞋@zh'], c.name = 'Shoes'
MATCH (concept:Concept)
WHERE (concept.prefLabel IS NULL OR concept.prefLabel = []) AND trim(coalesce(toString(concept.name), '')) = ''
RETURN concept, concept.id AS id, labels(concept) AS kind LIMIT 200;

// Concepts of an unknown status
// Repair: MATCH (c:Concept {id: '…'}) SET c.status = 'active'
MATCH (concept:Concept) WHERE NOT coalesce(concept.status, 'active') IN ['active', 'candidate', 'deprecated']
RETURN concept, concept.id AS id, concept.status AS status LIMIT 200;

// Values without exactly one attribute
// Repair: MATCH (v:Value {id: '…'}), (a:Attribute {id: '…'}) MERGE (v)-[:VALUE_OF]->(a)
MATCH (value:Concept:Value) WHERE COUNT { (value)-[:VALUE_OF]->(:Attribute) } <> 1
OPTIONAL MATCH (value)-[home:VALUE_OF]->(attribute)
RETURN value, home, attribute LIMIT 200;

// Cycles
// Concepts broader than themselves. Repair: delete the relation that was drawn in the wrong direction.
MATCH cycle = (concept:Concept)-[:BROADER*1..12]->(concept)
RETURN cycle LIMIT 25;

// Relations between the wrong kinds
// Repair: MATCH (:Concept {id: '…'})-[r:VALUE_OF]->(:Concept {id: '…'}) DELETE r
MATCH (a:Concept)-[r:VALUE_OF|APPLIES_TO|BROADER]->(b:Concept)
WHERE (type(r) = 'VALUE_OF' AND NOT (a:Value AND b:Attribute))
  OR (type(r) = 'APPLIES_TO' AND NOT (a:Attribute AND b:Category))
  OR (type(r) = 'BROADER' AND NOT ((a:Category AND b:Category) OR (a:Attribute AND b:Attribute) OR (a:Value AND b:Value)))
RETURN a, r, b LIMIT 200;

// Broader across schemes or attributes
// Repair: delete it, or draw CLOSE_MATCH instead where two schemes mean nearly the same.
MATCH (a:Concept)-[r:BROADER]->(b:Concept)
WHERE coalesce(a.scheme, '') <> coalesce(b.scheme, '')
  OR (a:Value AND NOT EXISTS { (a)-[:VALUE_OF]->(:Attribute)<-[:VALUE_OF]-(b) })
RETURN a, r, b LIMIT 200;

// Relations of unknown types
// Relations between concepts that are not kgtag's. `kgtag status` lists misspelt ones.
MATCH (a:Concept)-[r]->(b:Concept)
WHERE NOT type(r) IN ['BROADER', 'RELATED', 'VALUE_OF', 'APPLIES_TO', 'EXCLUDES', 'EXACT_MATCH', 'CLOSE_MATCH',
  'REPLACED_BY']
RETURN a, r, b LIMIT 200;

//// 6 Edit
// Create a category
// :params {id: 'clogs', name: 'Clogs', lang: 'en', broader: 'shoes'}
MATCH (broader:Category {id: $broader})
CREATE (new:Concept:Category {id: $id, scheme: broader.scheme, status: 'active',
  name: $name, nameOf: $name + '@' + $lang, prefLabel: [$name + '@' + $lang]})
CREATE (new)-[relation:BROADER {primary: true}]->(broader)
RETURN new, relation, broader;

// Create a value under an attribute
// :params {id: 'teal', name: 'Teal', lang: 'en', attribute: 'colour'}
MATCH (attribute:Attribute {id: $attribute})
CREATE (new:Concept:Value {id: $id, scheme: attribute.scheme, status: 'active',
  name: $name, nameOf: $name + '@' + $lang, prefLabel: [$name + '@' + $lang]})
CREATE (new)-[relation:VALUE_OF]->(attribute)
RETURN new, relation, attribute;

// Rename in one language
// The caption changes with it if it showed that language. :params {id: 'running', name: 'Trail shoes', lang: 'en'}
MATCH (concept:Concept {id: $id})
WITH concept, [label IN coalesce(concept.prefLabel, []) WHERE label ENDS WITH '@' + $lang] AS old,
  [label IN coalesce(concept.prefLabel, []) WHERE NOT label ENDS WITH '@' + $lang] AS others
SET concept.prefLabel = others + [$name + '@' + $lang]
WITH concept, old WHERE concept.nameOf IS NULL OR concept.nameOf IN old
SET concept.name = $name, concept.nameOf = $name + '@' + $lang
RETURN concept;

// Add a synonym
// :params {id: 'sneakers', name: 'kicks', lang: 'en'}
MATCH (concept:Concept {id: $id})
WITH concept, $name + '@' + $lang AS label
SET concept.altLabel = [other IN coalesce(concept.altLabel, []) WHERE other <> label] + [label]
RETURN concept.id AS id, concept.prefLabel AS preferred, concept.altLabel AS synonyms;

// Move below another concept
// And no longer below others. :params {id: 'sandals', broader: 'sneakers'}
MATCH (concept:Concept {id: $id}), (broader:Concept {id: $broader})
WHERE NOT EXISTS { (broader)-[:BROADER*0..30]->(concept) }
OPTIONAL MATCH (concept)-[old:BROADER]->() DELETE old
WITH DISTINCT concept, broader
CREATE (concept)-[new:BROADER {primary: true}]->(broader)
RETURN concept, new, broader;

// Add a second broader concept
// The first one stays primary. :params {id: 'running', broader: 'sandals'}
MATCH (concept:Concept {id: $id}), (broader:Concept {id: $broader})
WHERE NOT EXISTS { (broader)-[:BROADER*0..30]->(concept) }
MERGE (concept)-[new:BROADER]->(broader) ON CREATE SET new.primary = false
RETURN concept, new, broader;

// Let an attribute apply to a category
// :params {attribute: 'material', category: 'sandals'}
MATCH (attribute:Attribute {id: $attribute}), (category:Category {id: $category})
MERGE (attribute)-[relation:APPLIES_TO]->(category)
RETURN attribute, relation, category;

// Relate two concepts
// :params {one: 'running', other: 'shoes'}
MATCH (one:Concept {id: $one}), (other:Concept {id: $other})
MERGE (one)-[relation:RELATED]-(other)
RETURN one, relation, other;

// Merge one concept into another
// Labels, relations and tags move; the old id redirects to the new one. :params {id: 'crimson', into: 'red'}
MATCH (old:Concept {id: $id}), (kept:Concept {id: $into}) WHERE old <> kept
SET kept.altLabel = coalesce(kept.altLabel, []) + [label IN coalesce(old.prefLabel, []) + coalesce(old.altLabel, [])
  WHERE NOT label IN coalesce(kept.altLabel, []) + coalesce(kept.prefLabel, [])]
WITH old, kept
CALL (old, kept) {
  MATCH (item:Item)-[tag:TAGGED]->(old)
  WHERE NOT EXISTS { (item)-[:TAGGED]->(kept) }
  CREATE (item)-[moved:TAGGED]->(kept) SET moved = properties(tag)
}
CALL (old, kept) {
  MATCH (narrower:Concept)-[:BROADER]->(old)
  WHERE narrower <> kept AND NOT EXISTS { (kept)-[:BROADER*1..30]->(narrower) }
  MERGE (narrower)-[moved:BROADER]->(kept) ON CREATE SET moved.primary = true
}
CALL (old, kept) {
  MATCH (value:Value)-[home:VALUE_OF]->(old) DELETE home MERGE (value)-[:VALUE_OF]->(kept)
}
CALL (old, kept) {
  MATCH (old)-[:APPLIES_TO]->(category:Category) MERGE (kept)-[:APPLIES_TO]->(category)
}
CALL (old, kept) {
  MATCH (attribute:Attribute)-[:APPLIES_TO]->(old) MERGE (attribute)-[:APPLIES_TO]->(kept)
}
CALL (old, kept) {
  MATCH (old)-[:RELATED]-(other:Concept) WHERE other <> kept MERGE (kept)-[:RELATED]-(other)
}
CALL (old) {
  OPTIONAL MATCH (old)-[gone:BROADER|RELATED|EXCLUDES|APPLIES_TO|TAGGED]-() DELETE gone
  RETURN count(gone) AS gone
}
SET old.status = 'deprecated'
MERGE (old)-[redirect:REPLACED_BY]->(kept)
RETURN old, redirect, kept;

// Deprecate with a successor
// :params {id: 'sandals', successor: 'shoes'}
MATCH (concept:Concept {id: $id}), (successor:Concept {id: $successor}) WHERE concept <> successor
SET concept.status = 'deprecated'
MERGE (concept)-[redirect:REPLACED_BY]->(successor)
RETURN concept, redirect, successor;

// Bring a deprecated concept back
// :params {id: 'sandals'}
MATCH (concept:Concept {id: $id})
SET concept.status = 'active'
WITH concept OPTIONAL MATCH (concept)-[redirect:REPLACED_BY]->() DELETE redirect
RETURN DISTINCT concept;

// Delete a concept that nothing uses
// Only when no item, value or narrower concept depends on it. :params {id: 'leather'}
MATCH (concept:Concept {id: $id})
WHERE NOT EXISTS { (concept)<-[:TAGGED|BROADER|VALUE_OF]-() }
WITH concept, concept.id AS deleted, concept.name AS name
DETACH DELETE concept
RETURN deleted, name;
