// Counts and latencies by time, in rings of a fixed size: an event costs an addition, however many there are.

export const BUCKETS = 300;
export const KINDS = ["received", "delivered", "deferred", "rejected", "failed"];

const BINS = 96, PER_OCTAVE = 4, SHORTEST = 0.001;   // of a histogram: 1 ms to 4.6 hours, each bin 19 % wider

const bin = (seconds) => Math.min(BINS - 1, Math.max(0, Math.floor(PER_OCTAVE * Math.log2(seconds / SHORTEST))));
const middle = (bin) => SHORTEST * 2 ** ((bin + 0.5) / PER_OCTAVE);

export class Series {
  // seconds: of a bucket.
  constructor(seconds) {
    this.seconds = seconds;
    this.stamps = new Float64Array(BUCKETS).fill(-1);
    this.counts = KINDS.map(() => new Float64Array(BUCKETS));
    this.bins = new Uint32Array(BUCKETS * BINS);
  }

  bucket(at) {
    return Math.floor(at / this.seconds);
  }

  // The place of the bucket that *at* is in; -1: it has left the ring.
  place(at) {
    const bucket = this.bucket(at), place = bucket % BUCKETS;
    if (this.stamps[place] > bucket) return -1;
    if (this.stamps[place] < bucket) {
      this.stamps[place] = bucket;
      for (const counts of this.counts) counts[place] = 0;
      this.bins.fill(0, place * BINS, (place + 1) * BINS);
    }
    return place;
  }

  count(kind, at) {
    const place = this.place(at);
    if (place >= 0) this.counts[kind][place] += 1;
  }

  took(at, seconds) {
    const place = this.place(at);
    if (place >= 0) this.bins[place * BINS + bin(seconds)] += 1;
  }

  // How many of *kind* there were in the buckets first to last, both included.
  sum(kind, first, last) {
    let sum = 0;
    for (let bucket = first; bucket <= last; bucket += 1) {
      const place = bucket % BUCKETS;
      if (this.stamps[place] === bucket) sum += this.counts[kind][place];
    }
    return sum;
  }

  rate(kind, first, last) {
    return this.sum(kind, first, last) / ((last - first + 1) * this.seconds);
  }

  // The latencies that these *parts* (0.5: the median) did not exceed; null where nothing was delivered.
  quantiles(first, last, parts) {
    const all = new Uint32Array(BINS);
    let total = 0;
    for (let bucket = first; bucket <= last; bucket += 1) {
      const place = bucket % BUCKETS;
      if (this.stamps[place] !== bucket) continue;
      for (let at = 0; at < BINS; at += 1) {
        const count = this.bins[place * BINS + at];
        all[at] += count;
        total += count;
      }
    }
    if (!total) return null;
    return parts.map((part) => {
      let left = Math.ceil(part * total), at = 0;
      while ((left -= all[at]) > 0) at += 1;
      return middle(at);
    });
  }
}
