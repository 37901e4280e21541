import { Injectable } from "@nestjs/common";
import { DataSource } from "typeorm";
import { compare } from "./hashing";

@Injectable()
export class AuthService {
  constructor(private readonly dataSource: DataSource) {}

  async validate(username: string, password: string) {
    const [user] = await this.dataSource.query("SELECT id, username, hash FROM accounts WHERE username = $1", [username]);
    return user && (await compare(password, user.hash)) ? user : null;
  }
}
