import { Body, Controller, HttpCode, Post, Session, UnauthorizedException } from "@nestjs/common";
import { AuthService } from "./auth.service";
import { LoginDto } from "./login.dto";

@Controller("auth")
export class AuthController {
  constructor(private readonly auth: AuthService) {}

  @Post("login")
  @HttpCode(200)
  async login(@Body() dto: LoginDto, @Session() session: Record<string, unknown>) {
    const user = await this.auth.validate(dto.username, dto.password);
    if (!user) throw new UnauthorizedException();
    session.userId = user.id;
    return { username: user.username };
  }
}
