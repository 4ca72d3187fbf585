// Messages by id, each with what became of it; the ones that were heard of last are kept.

const STORIES_MAX = 2_000, CHAPTERS_MAX = 12;

export class Stories {
  constructor() {
    this.byId = new Map();     // in the order in which they were heard of
    this.total = 0;
  }

  // An event about a message.
  take(event) {
    const { message_id: id } = event;
    let story = this.byId.get(id);
    if (story) this.byId.delete(id);
    else {
      this.total += 1;
      story = { id, to: event.forward_path, from: event.reverse_path, chapters: [], left: 0, words: "" };
      if (this.byId.size >= STORIES_MAX) this.byId.delete(this.byId.keys().next().value);
    }
    this.byId.set(id, story);
    story.last = event;
    story.chapters.push(event);
    story.words = "";
    if (story.chapters.length > CHAPTERS_MAX) {
      story.chapters.splice(1, 1);               // how it came stays
      story.left += 1;
    }
  }

  // The last *limit* that have *wanted* in them, the newest first.
  latest(limit, wanted) {
    const found = [], all = [...this.byId.values()];
    for (let at = all.length - 1; at >= 0 && found.length < limit; at -= 1) {
      if (!wanted || wordsOf(all[at]).includes(wanted)) found.push(all[at]);
    }
    return found;
  }
}

// All that a story can be found by, in lower case.
function wordsOf(story) {
  if (!story.words) {
    const parts = story.chapters.flatMap((event) => [event.peer_address, event.reason, event.routing_domain]);
    story.words = [story.id, story.from, story.to, story.last.batch_id, story.last.connection_id, ...parts].join(" ").toLowerCase();
  }
  return story.words;
}
