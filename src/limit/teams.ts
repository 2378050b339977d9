import { Team, type Lane } from './lane';
import { TeamQueue } from './queue';

// Making a team's queue costs more than keeping it.
const IDLE_TEAMS_KEPT = 256;

/** The teams whose calls wait, and some of those whose calls have. */
export class Teams {
  readonly #teams: Map<string, Team> = new Map();

  of(name: string): Team {
    let team = this.#teams.get(name);
    if (team === undefined) {
      team = new Team(name, new TeamQueue());
      this.#teams.set(name, team);
    }
    return team;
  }

  waitingIn(name: string): number {
    return this.#teams.get(name)?.waiting ?? 0;
  }

  forgetIfIdle(team: Team): void {
    if (this.#teams.size > IDLE_TEAMS_KEPT && team.lanes.size === 0 && team.queue.size === 0) this.#teams.delete(team.name);
  }

  *lanes(): Generator<Lane, void, undefined> {
    for (const team of this.#teams.values()) yield* team.lanes.values();
  }
}
