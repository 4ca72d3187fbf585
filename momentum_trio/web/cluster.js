// The cluster in a line: who is in it, who leads, what is shared. Where the host is in none it is not there.

import { counted, make, number, say } from "./words.js";

export const PATH = "/api/v1/cluster";
const MEMBERS_MAX = 64, SHARED_MAX = 16;

export class Cluster {
  constructor(section) {
    Object.assign(this, { section, chips: [] });
    this.count = section.querySelector(".count");
    this.list = section.querySelector(".chips");
  }

  show(cluster) {
    this.section.hidden = !cluster;
    if (!cluster) return;
    const { connected, primary, members, shared } = cluster;
    const state = !connected ? "cut off from the bus" : primary ? counted(members.length, "member") : `${counted(members.length, "member")}, a minority`;
    this.section.dataset.state = connected && primary ? "delivered" : "attention";
    say(this.count, state);
    const said = [
      ...members.slice(0, MEMBERS_MAX).map((member) => (member.nodename || member.private_name) + (member.leader ? " leads" : "")),
      ...shared.slice(0, SHARED_MAX).map(({ name, total }) => `${name} ${number(total)}`),
    ];
    while (this.chips.length < said.length) this.chips.push(this.list.appendChild(make("li", {})));
    this.chips.forEach((chip, at) => {
      chip.hidden = at >= said.length;
      say(chip, said[at] ?? "");
    });
  }
}
